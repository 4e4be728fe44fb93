//! An interpreter for the pickles inside torch files that knows an allow-list of opcodes and globals.
//!
//! Nothing is ever imported or called: a global that is not on the list ends the reading with its name. What comes out
//! are plain containers and descriptions of tensors, whose numbers lie in other entries of the archive.

use crate::model::graph::DType;

/// Why a pickle is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// A global that builds neither a container nor a tensor.
    #[error(
        "it asks for {0}, which is neither a tensor nor a plain container: layerscope does not run code from model files"
    )]
    Global(String),
    /// An opcode that tensors and containers do not need.
    #[error("it uses the pickle opcode 0x{0:02x}, which tensors and plain containers do not need")]
    Opcode(u8),
    /// The stream ends early or contradicts itself.
    #[error("its pickle is damaged: {0}")]
    Damaged(&'static str),
}

/// A tensor's place in a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorRecord {
    /// Key of the storage: the entry `data/KEY`.
    pub storage: String,
    /// Element type.
    pub dtype: DType,
    /// First element.
    pub offset: usize,
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements to step over for each dimension.
    pub strides: Vec<usize>,
}

/// What a pickle holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// Python's `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// Text.
    String(String),
    /// A tuple, list or set.
    Sequence(Vec<Object>),
    /// A dictionary, in order.
    Dictionary(Vec<(Object, Object)>),
    /// A tensor.
    Tensor(TensorRecord),
    /// A storage: its key and element type.
    Storage(String, DType),
    /// A global of the allow-list that has not been called.
    Global(Global),
}

/// What a pickle may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Global {
    /// `torch._utils._rebuild_tensor_v2`
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`
    RebuildParameter,
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch.FloatStorage` and its like.
    Storage(DType),
}

fn global(module: &str, name: &str) -> Result<Global, PickleError> {
    Ok(match (module, name) {
        ("torch._utils", "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch", "FloatStorage") => Global::Storage(DType::Float32),
        ("torch", "DoubleStorage") => Global::Storage(DType::Float64),
        ("torch", "HalfStorage") => Global::Storage(DType::Float16),
        ("torch", "BFloat16Storage") => Global::Storage(DType::BFloat16),
        ("torch", "LongStorage") => Global::Storage(DType::Int64),
        ("torch", "IntStorage") => Global::Storage(DType::Int32),
        ("torch", "ShortStorage") => Global::Storage(DType::Int16),
        ("torch", "CharStorage") => Global::Storage(DType::Int8),
        ("torch", "ByteStorage") => Global::Storage(DType::UInt8),
        ("torch", "BoolStorage") => Global::Storage(DType::Bool),
        _ => return Err(PickleError::Global(format!("{module}.{name}"))),
    })
}

/// Reads one pickle.
///
/// # Errors
/// What is refused, or where the stream is damaged.
pub fn read(bytes: &[u8]) -> Result<Object, PickleError> {
    Machine { bytes, at: 0, stack: Vec::new(), marks: Vec::new(), memo: Vec::new() }.run()
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Object>,
    marks: Vec<usize>,
    memo: Vec<Option<Object>>,
}

const EMPTY: PickleError = PickleError::Damaged("it takes from an empty stack");
const SHORT: PickleError = PickleError::Damaged("it is cut short");

impl Machine<'_> {
    fn run(mut self) -> Result<Object, PickleError> {
        loop {
            let opcode = self.take::<1>()?[0];
            match opcode {
                b'.' => return self.pop(),
                0x80 => drop(self.take::<1>()?),
                0x95 => drop(self.take::<8>()?),
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.stack.push(Object::None),
                0x88 => self.stack.push(Object::Bool(true)),
                0x89 => self.stack.push(Object::Bool(false)),
                b'K' => {
                    let [number] = self.take()?;
                    self.stack.push(Object::Int(number.into()));
                }
                b'M' => {
                    let number = u16::from_le_bytes(self.take()?);
                    self.stack.push(Object::Int(number.into()));
                }
                b'J' => {
                    let number = i32::from_le_bytes(self.take()?);
                    self.stack.push(Object::Int(number.into()));
                }
                0x8a => self.long()?,
                b'G' => {
                    let number = f64::from_be_bytes(self.take()?);
                    self.stack.push(Object::Float(number));
                }
                b'X' => {
                    let length = u32::from_le_bytes(self.take()?);
                    self.text(length as usize)?;
                }
                0x8c => {
                    let [length] = self.take()?;
                    self.text(length.into())?;
                }
                b')' | b']' | 0x8f => self.stack.push(Object::Sequence(Vec::new())),
                b'}' => self.stack.push(Object::Dictionary(Vec::new())),
                b't' | b'l' => {
                    let items = self.marked()?;
                    self.stack.push(Object::Sequence(items));
                }
                0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?,
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                b'e' | 0x90 => {
                    let items = self.marked()?;
                    self.extend(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.insert(vec![key, value])?;
                }
                b'u' => {
                    let items = self.marked()?;
                    self.insert(items)?;
                }
                b'q' => {
                    let [index] = self.take()?;
                    self.remember(index.into())?;
                }
                b'r' => {
                    let index = u32::from_le_bytes(self.take()?);
                    self.remember(index as usize)?;
                }
                0x94 => self.remember(self.memo.len())?,
                b'h' => {
                    let [index] = self.take()?;
                    self.recall(index.into())?;
                }
                b'j' => {
                    let index = u32::from_le_bytes(self.take()?);
                    self.recall(index as usize)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.stack.push(Object::Global(global(&module, &name)?));
                }
                0x93 => match (self.pop()?, self.pop()?) {
                    (Object::String(name), Object::String(module)) => {
                        self.stack.push(Object::Global(global(&module, &name)?));
                    }
                    _ => return Err(PickleError::Damaged("a global without a name")),
                },
                b'Q' => {
                    let id = self.pop()?;
                    self.stack.push(storage(&id)?);
                }
                b'R' => {
                    let (arguments, callee) = (self.pop()?, self.pop()?);
                    self.stack.push(build(&callee, arguments)?);
                }
                // State of an OrderedDict subclass or a parameter's hooks: nothing that a tensor needs.
                b'b' => drop(self.pop()?),
                other => return Err(PickleError::Opcode(other)),
            }
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let taken = self.bytes.get(self.at..self.at.saturating_add(N)).ok_or(SHORT)?;
        self.at += N;
        taken.try_into().map_err(|_| SHORT)
    }

    fn text(&mut self, length: usize) -> Result<(), PickleError> {
        let taken = self.bytes.get(self.at..self.at.saturating_add(length)).ok_or(SHORT)?;
        self.at += length;
        self.stack.push(Object::String(String::from_utf8_lossy(taken).into_owned()));
        Ok(())
    }

    fn line(&mut self) -> Result<String, PickleError> {
        let rest = self.bytes.get(self.at..).ok_or(SHORT)?;
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or(SHORT)?;
        self.at += length + 1;
        Ok(String::from_utf8_lossy(&rest[..length]).into_owned())
    }

    fn long(&mut self) -> Result<(), PickleError> {
        let [length] = self.take()?;
        if length > 8 {
            return Err(PickleError::Damaged("a whole number of more than 64 bits"));
        }
        let mut number: i64 = 0;
        for index in 0..length {
            let [byte] = self.take()?;
            let sign_extended = if index + 1 == length { i64::from(byte.cast_signed()) } else { byte.into() };
            number |= sign_extended << (8 * index);
        }
        self.stack.push(Object::Int(number));
        Ok(())
    }

    fn pop(&mut self) -> Result<Object, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor { Err(EMPTY) } else { self.stack.pop().ok_or(EMPTY) }
    }

    fn marked(&mut self) -> Result<Vec<Object>, PickleError> {
        let mark = self.marks.pop().ok_or(PickleError::Damaged("a mark is missing"))?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, length: usize) -> Result<(), PickleError> {
        let mut items = (0..length).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        self.stack.push(Object::Sequence(items));
        Ok(())
    }

    fn extend(&mut self, items: Vec<Object>) -> Result<(), PickleError> {
        match self.stack.last_mut() {
            Some(Object::Sequence(list)) => list.extend(items),
            _ => return Err(PickleError::Damaged("it appends to what is no list")),
        }
        Ok(())
    }

    fn insert(&mut self, items: Vec<Object>) -> Result<(), PickleError> {
        let Some(Object::Dictionary(entries)) = self.stack.last_mut() else {
            return Err(PickleError::Damaged("it inserts into what is no dictionary"));
        };
        let mut items = items.into_iter();
        while let Some(key) = items.next() {
            entries.push((key, items.next().ok_or(PickleError::Damaged("a key without a value"))?));
        }
        Ok(())
    }

    fn remember(&mut self, index: usize) -> Result<(), PickleError> {
        // A memo that outgrows the stream would be an attack on memory.
        if index > self.bytes.len() {
            return Err(PickleError::Damaged("a memo index out of range"));
        }
        if self.memo.len() <= index {
            self.memo.resize(index + 1, None);
        }
        // Containers are remembered while they are still empty, and nothing in a file of tensors asks for them again:
        // copying full ones would let a small file grow without end.
        let top = self.stack.last().ok_or(EMPTY)?;
        self.memo[index] = match top {
            Object::Sequence(items) if items.len() > 16 => None,
            Object::Dictionary(entries) if !entries.is_empty() => None,
            Object::Sequence(items)
                if items.iter().any(|item| matches!(item, Object::Sequence(_) | Object::Dictionary(_))) =>
            {
                None
            }
            other => Some(other.clone()),
        };
        Ok(())
    }

    fn recall(&mut self, index: usize) -> Result<(), PickleError> {
        let object =
            self.memo.get(index).cloned().flatten().ok_or(PickleError::Damaged("it recalls what it did not keep"))?;
        self.stack.push(object);
        Ok(())
    }
}

/// `('storage', torch.FloatStorage, '0', 'cpu', 216)`
fn storage(id: &Object) -> Result<Object, PickleError> {
    match id {
        Object::Sequence(items) => match items.as_slice() {
            [Object::String(_), Object::Global(Global::Storage(dtype)), Object::String(key), ..] => {
                Ok(Object::Storage(key.clone(), *dtype))
            }
            _ => Err(PickleError::Damaged("a storage without type and key")),
        },
        _ => Err(PickleError::Damaged("a storage without type and key")),
    }
}

fn build(callee: &Object, arguments: Object) -> Result<Object, PickleError> {
    let (Object::Global(global), Object::Sequence(arguments)) = (callee, arguments) else {
        return Err(PickleError::Damaged("it calls what cannot be called"));
    };
    match (global, arguments.as_slice()) {
        (Global::OrderedDict, []) => Ok(Object::Dictionary(Vec::new())),
        (Global::RebuildParameter, [tensor @ Object::Tensor(_), ..]) => Ok(tensor.clone()),
        (
            Global::RebuildTensor,
            [Object::Storage(key, dtype), Object::Int(offset), Object::Sequence(shape), Object::Sequence(strides), ..],
        ) => {
            let sizes = |items: &[Object]| -> Result<Vec<usize>, PickleError> {
                let size = |item: &Object| match item {
                    Object::Int(number) => usize::try_from(*number).ok(),
                    _ => None,
                };
                items.iter().map(size).collect::<Option<_>>().ok_or(PickleError::Damaged("a tensor's size is no size"))
            };
            Ok(Object::Tensor(TensorRecord {
                storage: key.clone(),
                dtype: *dtype,
                offset: usize::try_from(*offset).map_err(|_| PickleError::Damaged("a negative offset"))?,
                shape: sizes(shape)?,
                strides: sizes(strides)?,
            }))
        }
        _ => Err(PickleError::Damaged("it calls with the wrong arguments")),
    }
}
