//! What a node's target calls, and the few operators that are called otherwise here.

use std::sync::Arc;

use crate::model::graph::{Argument, Operator, SizeOperator};

/// Checks that were true at export and change nothing.
const ASSERTIONS: &[&str] = &[
    "torch.ops.aten._assert_scalar.default",
    "torch.ops.aten._assert_async.default",
    "torch.ops.aten._assert_async.msg",
    "torch.ops.aten._assert_tensor_metadata.default",
    "torch.ops.aten.sym_constrain_range.default",
    "torch.ops.aten.sym_constrain_range_for_size.default",
    "torch.ops.aten._functional_assert_scalar.default",
    "torch.ops.aten._functional_sym_constrain_range.default",
    "torch.ops.aten._functional_sym_constrain_range_for_size.default",
];

/// Whether the target only checks what was true at export.
pub(super) fn is_assertion(target: &str) -> bool {
    ASSERTIONS.contains(&target)
}

/// The name of a higher-order operator: one that takes graphs.
pub(super) fn higher_order(target: &str) -> Option<&str> {
    target.strip_prefix("torch.ops.higher_order.")
}

/// The operator of a target: `torch.ops.aten.relu_.default`, `_operator.mul`.
pub(super) fn operator(target: &str) -> Option<Operator> {
    if let Some(rest) = target.strip_prefix("torch.ops.") {
        let mut parts = rest.splitn(3, '.');
        let (namespace, name, overload) = (parts.next()?, parts.next()?, parts.next()?);
        let overload = if overload == "default" { "" } else { overload };
        return Some(Operator::Aten { name: format!("{namespace}::{name}").into(), overload: overload.into() });
    }
    SizeOperator::named(target.rsplit('.').next()?).map(Operator::Size)
}

type Arguments = Vec<(Arc<str>, Argument)>;

/// Attention as a decomposed program calls it, for one device each; what it is of is on all.
const ATTENTION: &[&str] = &[
    "aten::_scaled_dot_product_flash_attention_for_cpu",
    "aten::_scaled_dot_product_flash_attention",
    "aten::_scaled_dot_product_efficient_attention",
    "aten::_scaled_dot_product_cudnn_attention",
    "aten::_scaled_dot_product_fused_attention_overrideable",
];

/// Puts another call in the place of one that would not do: `true` where only its first output is kept.
pub(super) fn replaced(operator: &mut Operator, arguments: &mut Arguments) -> bool {
    let Operator::Aten { name, .. } = &operator else { return false };
    match &**name {
        // Statistics that training only keeps would be written into the weights.
        "aten::batch_norm" | "aten::native_batch_norm" if is_set(arguments, "training") => forget(arguments),
        "aten::instance_norm" if is_set(arguments, "use_input_stats") => forget(arguments),
        // What a decomposed program calls, where every argument has to be there.
        "aten::_native_batch_norm_legit" | "aten::_native_batch_norm_legit_functional"
            if is_set(arguments, "training") =>
        {
            *operator = Operator::aten("_native_batch_norm_legit", "no_stats");
            arguments.retain(|(parameter, _)| !STATISTICS.contains(&&**parameter));
            return true;
        }
        name if ATTENTION.contains(&name) => {
            *operator = Operator::aten("scaled_dot_product_attention", "");
            arguments.retain(|(parameter, _)| !matches!(&**parameter, "compute_log_sumexp" | "return_debug_mask"));
            for (parameter, _) in arguments {
                if &**parameter == "attn_bias" {
                    *parameter = "attn_mask".into();
                }
            }
            return true;
        }
        _ => {}
    }
    false
}

const STATISTICS: [&str; 2] = ["running_mean", "running_var"];

fn is_set(arguments: &Arguments, flag: &str) -> bool {
    arguments.iter().any(|(parameter, argument)| &**parameter == flag && *argument == Argument::Bool(true))
}

fn forget(arguments: &mut Arguments) {
    for (parameter, argument) in arguments {
        if STATISTICS.contains(&&**parameter) {
            *argument = Argument::None;
        }
    }
}
