//! Arithmetic on sizes that depend on the input.

/// Arithmetic on sizes: what `_operator.*` and `math.*` stand for in an exported program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Python's")]
pub enum SizeOperator {
    Add,
    Sub,
    Mul,
    FloorDiv,
    TrueDiv,
    Mod,
    Pow,
    Neg,
    Pos,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Max,
    Min,
    Ceil,
    Floor,
    Round,
    Sqrt,
    ToFloat,
    ToInt,
    Not,
    And,
    Or,
    /// The second where the first is true, else the third.
    If,
    ShiftLeft,
    ShiftRight,
    GetItem,
}

impl SizeOperator {
    /// The operator that a program calls by this name: that of a function of Python's or PyTorch's, or of a class of `sympy`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "add" => Self::Add,
            "sub" => Self::Sub,
            "mul" => Self::Mul,
            "floordiv" | "FloorDiv" => Self::FloorDiv,
            "truediv" | "IntTrueDiv" => Self::TrueDiv,
            "mod" | "Mod" | "PythonMod" => Self::Mod,
            "pow" => Self::Pow,
            "neg" => Self::Neg,
            "pos" => Self::Pos,
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "lt" => Self::Lt,
            "le" => Self::Le,
            "gt" => Self::Gt,
            "ge" => Self::Ge,
            "sym_max" | "max" => Self::Max,
            "sym_min" | "min" => Self::Min,
            "ceil" => Self::Ceil,
            "floor" => Self::Floor,
            "round" => Self::Round,
            "sym_sqrt" | "_sym_sqrt" | "sqrt" => Self::Sqrt,
            "sym_float" | "float" => Self::ToFloat,
            "sym_int" | "int" | "trunc" => Self::ToInt,
            "sym_not" => Self::Not,
            "and_" => Self::And,
            "or_" => Self::Or,
            "sym_ite" => Self::If,
            "lshift" => Self::ShiftLeft,
            "rshift" => Self::ShiftRight,
            "getitem" => Self::GetItem,
            _ => return None,
        })
    }
}
