// An activation whose gradient follows another rule than its derivative: what guided backpropagation, deconvolution and the
// redirected ReLU put in place of a ReLU's.

#include "guarded.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace {

using layerscope::guarded;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The numbers of `Gate` in gate.rs.
enum Rule : int64_t { kGuided = 0, kDeconvolution = 1, kRedirected = 2, kRedirectedSix = 3 };

at::Tensor passed(const at::Tensor& input, const at::Tensor& gradient, int64_t rule) {
  const auto zero = at::zeros({}, gradient.options());
  if (rule == kDeconvolution) return at::where(gradient.gt(0), gradient, zero);
  if (rule == kGuided) return at::where(input.gt(0).logical_and_(gradient.gt(0)), gradient, zero);
  const bool six = rule == kRedirectedSix;
  // The derivative of ReLU (at 0 as Lucid has it: the gradient passes), or of ReLU6.
  auto shut = input.lt(0);
  auto further = input.lt(0).logical_and_(gradient.lt(0));
  if (six) {
    const auto above = input.gt(6);
    shut = shut.logical_or_(above);
    further = further.logical_or_(above.logical_and(gradient.gt(0)));
  }
  const auto plain = at::where(shut, zero, gradient);
  const auto redirected = at::where(further, zero, gradient);
  // Only in pictures of the batch where nothing gets through.
  std::vector<int64_t> shape(gradient.dim(), 1);
  if (!shape.empty()) shape[0] = gradient.size(0);
  const auto dead = shape.empty() ? plain.eq(0) : plain.ne(0).reshape({gradient.size(0), -1}).any(1).logical_not_().reshape(shape);
  return at::where(dead, redirected, plain);
}

struct Gated : torch::autograd::Function<Gated> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& output, int64_t rule) {
    context->save_for_backward({input});
    context->saved_data["rule"] = rule;
    return output.detach();
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto input = context->get_saved_variables()[0];
    return {passed(input, gradients[0], context->saved_data["rule"].toInt()), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

extern "C" {

// A new tensor with the numbers of `output`; its gradient reaches `input` by the rule. Null where libtorch failed.
void* ls_gate(const void* input, const void* output, int rule) {
  at::Tensor* result = nullptr;
  guarded([&] {
    const auto& from = *static_cast<const at::Tensor*>(input);
    const auto& made = *static_cast<const at::Tensor*>(output);
    result = new at::Tensor(Gated::apply(from, made, static_cast<int64_t>(rule)));
  });
  return result;
}

}
