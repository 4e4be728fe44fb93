//! Every operator of the standard that is known here, and what it is in ATen's operators.

mod activation;
mod attention;
mod blocks;
mod control;
mod convolution;
mod creation;
mod elementwise;
mod grid;
mod interpolation;
mod joining;
mod matrix;
mod normalization;
mod padding;
mod pooling;
mod quantized;
mod reduction;
mod resize;
mod shaping;
mod slicing;
mod windows;

use super::call::Call;
use super::error::Result;
use super::fold;
use super::proto;
use super::values::Known;

/// Operators that give their names to libtorch's with the same meaning.
const UNARY: &[(&str, &str)] = &[
    ("Abs", "abs"),
    ("Acos", "acos"),
    ("Acosh", "acosh"),
    ("Asin", "asin"),
    ("Asinh", "asinh"),
    ("Atan", "atan"),
    ("Atanh", "atanh"),
    ("BitwiseNot", "bitwise_not"),
    ("Ceil", "ceil"),
    ("Cos", "cos"),
    ("Cosh", "cosh"),
    ("Erf", "erf"),
    ("Exp", "exp"),
    ("Floor", "floor"),
    ("Log", "log"),
    ("Neg", "neg"),
    ("Reciprocal", "reciprocal"),
    ("Round", "round"),
    ("Sign", "sign"),
    ("Sin", "sin"),
    ("Sinh", "sinh"),
    ("Sqrt", "sqrt"),
    ("Tan", "tan"),
];

/// What the node gives, one for each of its outputs or fewer.
pub(super) fn lower(call: &mut Call) -> Result<Vec<Known>> {
    let domain = proto::own_domain(&call.node.domain);
    if !domain.is_empty() {
        return Err(call.fail("an operator of another domain than ONNX's own, which cannot be run here"));
    }
    if let Some(folded) = fold::fold(call)? {
        return Ok(folded);
    }
    let operator = call.node.operator.as_str();
    if let Some((_, name)) = UNARY.iter().find(|(known, _)| *known == operator) {
        return elementwise::unary(call, name);
    }
    if let Some(made) = activation::activation(call, operator)? {
        return Ok(made);
    }
    match operator {
        "Add" | "And" | "BitShift" | "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" | "Div" | "Equal" | "Greater"
        | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Mod" | "Mul" | "Or" | "PRelu" | "Pow" | "Sub" | "Xor" => {
            elementwise::binary(call, operator)
        }
        "Max" | "Mean" | "Min" | "Sum" => elementwise::many(call, operator),
        "Not" => elementwise::test(call, "logical_not"),
        "IsNaN" => elementwise::test(call, "isnan"),
        "IsInf" => elementwise::is_infinite(call),
        "Where" => elementwise::choose(call),
        "Clip" => elementwise::clip(call),
        "Cast" => elementwise::cast(call),
        "CastLike" => elementwise::cast_like(call),
        "Softmax" | "LogSoftmax" | "Hardmax" => activation::softmax(call, operator),
        "Conv" => convolution::conv(call),
        "ConvTranspose" => convolution::conv_transpose(call),
        "MaxPool" => pooling::max_pool(call),
        "AveragePool" => pooling::average_pool(call),
        "LpPool" => pooling::lp_pool(call),
        "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => pooling::global_pool(call, operator),
        "MaxUnpool" => pooling::max_unpool(call),
        "BatchNormalization" => normalization::batch(call),
        "InstanceNormalization" => normalization::instance(call),
        "GroupNormalization" => normalization::group(call),
        "LayerNormalization" => normalization::layer(call),
        "RMSNormalization" => normalization::rms(call),
        "LRN" => normalization::local_response(call),
        "LpNormalization" => normalization::lp(call),
        "MeanVarianceNormalization" => normalization::mean_variance(call),
        "Gemm" => matrix::gemm(call),
        "MatMul" => matrix::matmul(call),
        "Einsum" => matrix::einsum(call),
        "Det" => matrix::det(call),
        _ => shapes_and_rest(call, operator),
    }
}

/// Operators that move numbers, choose among them or make them, and control flow.
fn shapes_and_rest(call: &mut Call, operator: &str) -> Result<Vec<Known>> {
    match operator {
        "Identity" => Ok(vec![call.known(0)?]),
        "Dropout" => dropout(call),
        "Reshape" => shaping::reshape(call),
        "Flatten" => shaping::flatten(call),
        "Squeeze" => shaping::squeeze(call),
        "Unsqueeze" => shaping::unsqueeze(call),
        "Transpose" => shaping::transpose(call),
        "Concat" => joining::concat(call),
        "Split" => joining::split(call),
        "Expand" => joining::expand(call),
        "Tile" => joining::tile(call),
        "DepthToSpace" => blocks::depth_to_space(call),
        "SpaceToDepth" => blocks::space_to_depth(call),
        "CenterCropPad" => padding::center_crop_pad(call),
        "Col2Im" => pooling::col_to_image(call),
        "Slice" => slicing::slice(call),
        "Gather" => slicing::gather(call),
        "GatherElements" => slicing::gather_elements(call),
        "GatherND" => slicing::gather_nd(call),
        "Scatter" | "ScatterElements" => slicing::scatter_elements(call),
        "ScatterND" => slicing::scatter_nd(call),
        "Compress" => slicing::compress(call),
        "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2"
        | "ReduceSumSquare" | "ReduceLogSum" | "ReduceLogSumExp" => reduction::reduce(call, operator),
        "ArgMax" => reduction::arg(call, "argmax"),
        "ArgMin" => reduction::arg(call, "argmin"),
        "TopK" => reduction::top_k(call),
        "CumSum" => reduction::cumulative(call, "cumsum"),
        "CumProd" => reduction::cumulative(call, "cumprod"),
        "Constant" => creation::constant(call),
        "Shape" => creation::shape(call),
        "Size" => creation::size(call),
        "ConstantOfShape" => creation::constant_of_shape(call),
        "Range" => creation::range(call),
        "EyeLike" => creation::eye_like(call),
        "Trilu" => creation::trilu(call),
        "NonZero" => creation::non_zero(call),
        "OneHot" => creation::one_hot(call),
        "Pad" => padding::pad(call),
        "Resize" | "Upsample" => resize::resize(call),
        "GridSample" => grid::grid_sample(call),
        "AffineGrid" => grid::affine_grid(call),
        "Attention" => attention::attention(call),
        "QuantizeLinear" => quantized::quantize(call),
        "DequantizeLinear" => quantized::dequantize(call),
        "DynamicQuantizeLinear" => quantized::dynamic(call),
        "MatMulInteger" => quantized::matmul_integer(call),
        "ConvInteger" => quantized::conv_integer(call),
        "QLinearMatMul" => quantized::qlinear_matmul(call),
        "QLinearConv" => quantized::qlinear_conv(call),
        "If" => control::branch(call),
        "Loop" => control::repeat(call),
        "SequenceConstruct" => control::sequence(call),
        "SequenceEmpty" => Ok(vec![Known::Sequence(Vec::new())]),
        "SequenceAt" => control::sequence_at(call),
        "SequenceLength" => control::sequence_length(call),
        "SequenceInsert" => control::sequence_insert(call),
        "SequenceErase" => control::sequence_erase(call),
        "ConcatFromSequence" => control::concat_sequence(call),
        "SplitToSequence" => control::split_sequence(call),
        _ => Err(call.fail("this operator cannot be run here")),
    }
}

/// Nothing is dropped where nothing is trained; the mask is true everywhere.
fn dropout(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.known(0)?;
    if !call.wants(1) {
        return Ok(vec![input]);
    }
    let tensor = call.lowering.tensor(&input)?;
    let dtype = crate::model::graph::DType::Bool;
    let mask = call.like(("ones_like", ""), &tensor, vec![("dtype", crate::model::graph::Argument::DType(dtype))]);
    Ok(vec![input, Known::Tensor(super::values::Tensor { dtype, ..mask })])
}
