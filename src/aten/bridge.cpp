// Calls any operator of libtorch's dispatcher by name, with arguments matched to its schema.
//
// The Rust side builds one argument after the other on a small stack of values, binds each to a parameter, and calls.
// Every function catches what libtorch throws; the message is kept for ls_error().

#include "guarded.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/scalar_tensor.h>
#include <torch/csrc/jit/frontend/function_schema_parser.h>
#include <torch/headeronly/version.h>

#include <optional>
#include <string>
#include <vector>

namespace {

using layerscope::error;
using layerscope::guarded;

// Turns what the graph says into what the parameter's type wants.
c10::IValue coerce(const c10::IValue& value, const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::OptionalType:
      return value.isNone() ? value : coerce(value, type->castRaw<c10::OptionalType>()->getElementType());
    case c10::TypeKind::TensorType:
      if (value.isTensor() || value.isNone()) return value;
      if (value.isScalar()) {
        // A number beside tensors must not decide their type, as in Python.
        auto tensor = at::scalar_tensor(value.toScalar(), value.isInt() ? at::kLong : value.isBool() ? at::kBool : at::kDouble);
        tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
        return tensor;
      }
      return value;
    case c10::TypeKind::FloatType:
      return value.isInt() ? c10::IValue(static_cast<double>(value.toInt())) : value;
    case c10::TypeKind::DeviceObjType:
      return value.isString() ? c10::IValue(c10::Device(value.toStringRef())) : value;
    case c10::TypeKind::ListType: {
      auto element = type->castRaw<c10::ListType>()->getElementType();
      c10::impl::GenericList list(element);
      if (value.isList()) {
        for (const auto& item : value.toListRef()) list.push_back(coerce(item, element));
      } else {
        // int[2] given as one number: the schema repeats it, and so do the operators.
        list.push_back(coerce(value, element));
      }
      return list;
    }
    default:
      return value;
  }
}

struct Call {
  c10::OperatorHandle op;
  std::vector<std::optional<c10::IValue>> arguments;
  std::vector<c10::IValue> building;
  std::vector<c10::IValue> results;

  explicit Call(c10::OperatorHandle handle) : op(std::move(handle)), arguments(op.schema().arguments().size()) {}
};

const c10::OperatorHandle& handle(const void* op) { return *static_cast<const c10::OperatorHandle*>(op); }

}  // namespace

extern "C" {

const char* ls_error() { return error.c_str(); }

void* ls_operator(const char* name, const char* overload) {
  void* found = nullptr;
  guarded([&] {
    auto op = c10::Dispatcher::singleton().findSchema({name, overload});
    if (op) found = new c10::OperatorHandle(*op);
  });
  return found;
}
void ls_operator_free(void* op) { delete static_cast<c10::OperatorHandle*>(op); }
size_t ls_parameters(const void* op) { return handle(op).schema().arguments().size(); }
size_t ls_returns(const void* op) { return handle(op).schema().returns().size(); }
const char* ls_parameter_name(const void* op, size_t i) { return handle(op).schema().arguments()[i].name().c_str(); }

// 0: read only, 1: also written.
int ls_parameter_written(const void* op, size_t i) {
  auto* info = handle(op).schema().arguments()[i].alias_info();
  return info != nullptr && info->isWrite();
}
// 1 when the return shares memory with the parameter.
int ls_return_aliases(const void* op, size_t result, size_t parameter) {
  const auto& schema = handle(op).schema();
  auto* of_result = schema.returns()[result].alias_info();
  auto* of_parameter = schema.arguments()[parameter].alias_info();
  if (!of_result || !of_parameter) return 0;
  for (const auto& set : of_result->beforeSets())
    if (of_parameter->beforeSets().count(set)) return 1;
  // Tensor(a)[]: the alias set stands on the list's elements.
  for (const auto& inner : of_result->containedTypes())
    for (const auto& set : inner.beforeSets())
      if (of_parameter->beforeSets().count(set)) return 1;
  return 0;
}

void* ls_call(const void* op) {
  Call* call = nullptr;
  guarded([&] { call = new Call(handle(op)); });
  return call;
}
void ls_call_free(void* call) { delete static_cast<Call*>(call); }

#define BUILD(c) static_cast<Call*>(c)->building
void ls_none(void* c) { BUILD(c).emplace_back(); }
void ls_bool(void* c, int v) { BUILD(c).emplace_back(v != 0); }
void ls_int(void* c, int64_t v) { BUILD(c).emplace_back(v); }
void ls_float(void* c, double v) { BUILD(c).emplace_back(v); }
void ls_string(void* c, const char* v) { BUILD(c).emplace_back(std::string(v)); }
void ls_tensor(void* c, const void* v) { BUILD(c).emplace_back(*static_cast<const at::Tensor*>(v)); }
// Replaces the last n values by one list of them.
void ls_list(void* c, size_t n) {
  auto& values = BUILD(c);
  c10::impl::GenericList list(c10::AnyType::get());
  for (size_t i = values.size() - n; i < values.size(); ++i) list.push_back(values[i]);
  values.resize(values.size() - n);
  values.emplace_back(std::move(list));
}
#undef BUILD

int ls_bind(void* c, size_t parameter) {
  return guarded([&] {
    auto* call = static_cast<Call*>(c);
    const auto& schema = call->op.schema().arguments()[parameter];
    call->arguments[parameter] = coerce(call->building.back(), schema.real_type());
    call->building.pop_back();
  });
}

int ls_run(void* c) {
  return guarded([&] {
    auto* call = static_cast<Call*>(c);
    const auto& parameters = call->op.schema().arguments();
    torch::jit::Stack stack;
    stack.reserve(parameters.size());
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (call->arguments[i]) {
        stack.push_back(std::move(*call->arguments[i]));
      } else if (parameters[i].default_value()) {
        stack.push_back(*parameters[i].default_value());
      } else {
        TORCH_CHECK(false, "argument '", parameters[i].name(), "' is missing");
      }
    }
    call->op.callBoxed(stack);
    call->results = std::move(stack);
  });
}

size_t ls_results(const void* c) { return static_cast<const Call*>(c)->results.size(); }
// 0 none, 1 tensor, 2 int, 3 float, 4 bool, 5 list, -1 anything else.
static int kind_of(const c10::IValue& v) {
  if (v.isNone()) return 0;
  if (v.isTensor()) return 1;
  if (v.isInt() || v.isSymInt()) return 2;
  if (v.isDouble()) return 3;
  if (v.isBool()) return 4;
  return v.isList() ? 5 : -1;
}
// A result, or with item >= 0 an element of it.
static c10::IValue item_of(const void* c, size_t i, int64_t item) {
  const auto& value = static_cast<const Call*>(c)->results[i];
  return item < 0 ? value : value.toListRef()[item];
}
int ls_result_kind(const void* c, size_t i, int64_t item) { return kind_of(item_of(c, i, item)); }
size_t ls_result_length(const void* c, size_t i) { return static_cast<const Call*>(c)->results[i].toListRef().size(); }
int64_t ls_result_int(const void* c, size_t i, int64_t item) {
  auto value = item_of(c, i, item);
  int64_t number = 0;
  guarded([&] { number = value.isBool() ? value.toBool() : value.isSymInt() ? value.toSymInt().guard_int(__FILE__, __LINE__) : value.toInt(); });
  return number;
}
double ls_result_float(const void* c, size_t i, int64_t item) { return item_of(c, i, item).toDouble(); }
// A new at::Tensor that the caller owns.
void* ls_result_tensor(const void* c, size_t i, int64_t item) {
  auto value = item_of(c, i, item);
  return value.toTensor().defined() ? new at::Tensor(value.toTensor()) : nullptr;
}
void ls_tensor_free(void* tensor) { delete static_cast<at::Tensor*>(tensor); }

const char* ls_version() { return TORCH_VERSION; }

// A tensor over memory that `release(owner)` gives back when the last user is gone.
void* ls_tensor_over(void* data, const int64_t* sizes, const int64_t* strides, size_t dimensions, int dtype, void* owner,
                     void (*release)(void*)) {
  void* made = nullptr;
  guarded([&] {
    auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype));
    at::IntArrayRef shape(sizes, dimensions), steps(strides, dimensions);
    made = new at::Tensor(at::from_blob(data, shape, steps, [owner, release](void*) { release(owner); }, options));
  });
  return made;
}
}
