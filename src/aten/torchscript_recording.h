// What a run of a TorchScript program leaves behind: operator calls in the order in which they ran, without control flow.
//
// Every value of the run is followed by a symbol. A tensor is known by its identity, so it may go through lists, tuples
// and dictionaries; a number that comes from the input's size is followed beside the container that holds it.
#pragma once

#include <ATen/core/ivalue.h>
#include <ATen/core/function_schema.h>
#include <torch/csrc/jit/api/module.h>

#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace layerscope {

using Symbol = int64_t;
// The symbol of what is the same whatever is fed.
constexpr Symbol known = -1;

// A value of the run with its symbol.
struct Slot {
  c10::IValue value;
  Symbol symbol = known;
};

// A module or function that the run is in: path and type, outermost first.
using Scope = std::vector<std::pair<std::string, std::string>>;

struct RecordedWeight {
  at::Tensor tensor;
  std::string name;
  const char* role;
  Symbol symbol;
};

class Recording {
 public:
  // Notes how the module tree calls a tensor; it becomes a weight when a node reads it.
  void name_tensor(const at::Tensor& tensor, const std::string& name, const char* role);
  Symbol input(const at::Tensor& tensor);
  void set_outputs(const c10::IValue& value);
  void decided() { ++decisions_; }

  // The tensor's symbol; a tensor that no node made becomes a constant of the graph.
  Symbol symbol_of(const Slot& slot);
  bool is_recorded(const at::Tensor& tensor) const;
  // Whether what is fed has any part in the value.
  bool depends(const Slot& slot);

  // Records a call of an operator of the dispatcher that has run; gives the slots of its results.
  std::vector<Slot> call(const c10::FunctionSchema& schema, const Scope& scope, const std::vector<Slot>& arguments,
                         const std::vector<c10::IValue>& results);
  // Records arithmetic on sizes.
  Slot size(const char* operation, const std::vector<Slot>& arguments, c10::IValue result);
  // The size of a dimension, which is known where the tensor does not depend on the input.
  Slot dimension(const Slot& tensor, int64_t dimension);
  // A tensor that holds one number.
  void holds_number(const at::Tensor& tensor, Symbol number);
  // The number that a tensor holds, if it comes from a size.
  Symbol number_in(const at::Tensor& tensor) const;
  // The number taken out of a tensor of one element.
  Slot item(const Slot& tensor, c10::IValue result);

  // Symbols of the numbers in a list or tuple: an int[] as long as the container, made where there was none.
  c10::List<int64_t> inside(const c10::IValue& container);
  void set_inside(const c10::IValue& container, const c10::List<int64_t>& symbols);

  std::string json() const;
  const std::vector<RecordedWeight>& weights() const { return weights_; }

 private:
  using WeakTensor = c10::weak_intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>;
  struct Known {
    // Keeps the address from being given to another tensor.
    WeakTensor tensor;
    Symbol symbol = known;
    Symbol number = known;
    std::string name;
    const char* role = "constant";
  };

  Known& entry(const at::Tensor& tensor);
  Symbol define(bool depends);
  void argument(std::string& out, const Slot& slot, c10::TypePtr type);
  void start_node(const std::string& name, const std::string& overload, const Scope& scope);

  std::unordered_map<const at::TensorImpl*, Known> tensors_;
  std::unordered_map<const void*, std::pair<c10::IValue, c10::List<int64_t>>> inside_;
  std::map<std::pair<Symbol, int64_t>, Symbol> dimensions_;
  std::vector<bool> depends_;
  std::vector<RecordedWeight> weights_;
  std::map<Scope, size_t> scopes_;
  std::vector<Scope> scope_list_;
  std::string nodes_;
  Symbol input_ = known;
  std::vector<Symbol> outputs_;
  size_t decisions_ = 0;
};

// Text as a JSON string.
std::string quoted(const std::string& text);

}  // namespace layerscope
