// Runs a TorchScript program once and records what it calls.
//
// The program is interpreted as its graphs stand, call by call, so that every operator is known to belong to the module
// whose method calls it; control flow is decided by the values of this one run.
#pragma once

#include "torchscript_recording.h"

#include <torch/csrc/jit/ir/ir.h>

namespace layerscope {

class Recorder {
 public:
  // `steps` is how many operators may still run; what is left of it is written back.
  Recorder(Recording& recording, const std::unordered_map<const void*, std::string>& paths, size_t& steps)
      : recording_(recording), paths_(paths), steps_(steps) {}

  std::vector<Slot> call(torch::jit::Function& function, std::vector<Slot> arguments);

 private:
  using Block = torch::jit::Block;
  using Node = torch::jit::Node;
  using Value = torch::jit::Value;
  using Frame = std::unordered_map<const Value*, Slot>;
  // The values that a node of a block is the last to read.
  using Dying = std::unordered_map<const Node*, std::vector<const Value*>>;

  void step();
  void run(Block* block, Frame& frame);
  void run(Node* node, Frame& frame);
  bool control_flow(Node* node, Frame& frame);
  bool container(Node* node, Frame& frame);
  void loop(Node* node, Frame& frame);
  void call_method(Node* node, Frame& frame);
  void operate(Node* node, Frame& frame);
  bool shape(Node* node, Frame& frame, const std::vector<Slot>& inputs);
  bool arithmetic(const std::string& name, const std::vector<Slot>& inputs, const c10::IValue& result, Slot& slot);
  // A call whose lists of numbers are lists of their symbols.
  struct Followed {
    torch::jit::Stack stack;
    std::vector<std::pair<c10::IValue, c10::List<int64_t>>> lists;
  };
  Followed follow(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs);

  const Dying& dying(Block* block);
  std::vector<Slot> inputs(Node* node, const Frame& frame) const;
  const Slot& at(const Value* value, const Frame& frame) const;
  std::string here() const;

  Recording& recording_;
  const std::unordered_map<const void*, std::string>& paths_;
  std::unordered_map<const Block*, Dying> dying_;
  std::unordered_map<std::string, size_t> calls_;
  Scope scope_;
  // Objects whose methods are running, innermost last.
  std::vector<const void*> objects_;
  size_t depth_ = 0;
  size_t& steps_;
};

// The first line of an error that says something.
std::string first_line(const std::exception& error);

}  // namespace layerscope
