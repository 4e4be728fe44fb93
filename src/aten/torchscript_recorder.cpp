// The interpreter of a recording run.

#include "torchscript_recorder.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <limits>
#include <optional>
#include <set>

namespace layerscope {

namespace prim = c10::prim;
namespace attr = c10::attr;
using c10::IValue;
using torch::jit::Stack;

namespace {

constexpr size_t most_depth = 200;

// Arithmetic of TorchScript's on whole and real numbers that can be said as arithmetic on sizes.
const std::unordered_map<std::string, const char*> size_operations = {
    {"aten::add", "add"},     {"aten::sub", "sub"},   {"aten::mul", "mul"},   {"aten::floordiv", "floordiv"},
    {"aten::div", "truediv"}, {"aten::neg", "neg"},   {"aten::eq", "eq"},     {"aten::ne", "ne"},
    {"aten::lt", "lt"},       {"aten::le", "le"},     {"aten::gt", "gt"},     {"aten::ge", "ge"},
    {"aten::ceil", "ceil"},   {"aten::floor", "floor"}, {"aten::sqrt", "sqrt"}, {"aten::remainder", "mod"},
    {"prim::max", "max"},     {"prim::min", "min"},   {"aten::Int", "int"},   {"aten::Float", "float"},
};

// The same as a trace writes it: on tensors of one number.
const std::unordered_map<std::string, const char*> number_operations = {
    {"aten::add", "add"}, {"aten::sub", "sub"}, {"aten::mul", "mul"}, {"aten::floor_divide", "floordiv"},
    {"aten::neg", "neg"}, {"aten::remainder", "mod"},
};

// Operators on lists that move elements without looking at them.
const std::set<std::string> list_operations = {
    "aten::append", "aten::__getitem__", "aten::slice", "aten::add",  "aten::add_",  "aten::extend", "aten::copy",
    "aten::list",   "aten::insert",      "aten::_set_item", "aten::pop", "aten::reverse", "aten::clear", "aten::mul",
};

// Questions whose answers are the same for every picture.
const std::set<std::string> fixed_answers = {
    "aten::dim", "aten::is_floating_point", "aten::is_complex", "aten::is_signed",
};

// Divisions of whole numbers, which libtorch leaves to the processor.
const std::set<std::string> whole_divisions = {"aten::remainder", "aten::floordiv", "aten::__round_to_zero_floordiv"};

bool is_number(const IValue& value) { return value.isInt() || value.isDouble() || value.isBool(); }

bool is_number_list(const IValue& value) { return value.isIntList() || value.isDoubleList(); }

void allow(const std::string& name) {
  TORCH_CHECK(name != "aten::save" && name != "aten::from_file",
              name, " reads or writes files, which a model has no business to do");
  TORCH_CHECK(name.rfind("aten::", 0) == 0 || name.rfind("prim::", 0) == 0,
              name, " is no operator of PyTorch's on float tensors and cannot be shown");
}

// Where the processor has no answer it ends the process.
void divides(const std::string& name, const std::vector<Slot>& slots) {
  if (slots.size() != 2 || whole_divisions.count(name) == 0) return;
  if (!slots[0].value.isInt() || !slots[1].value.isInt()) return;
  const auto number = slots[0].value.toInt(), divisor = slots[1].value.toInt();
  TORCH_CHECK(divisor != 0, "a division by zero");
  TORCH_CHECK(divisor != -1 || number != std::numeric_limits<int64_t>::min(), "a division whose result is too large");
}

}  // namespace

std::string first_line(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  const std::string text = torch_error ? torch_error->what_without_backtrace() : error.what();
  size_t start = 0;
  while (start < text.size()) {
    const auto end = std::min(text.find('\n', start), text.size());
    const auto from = text.find_first_not_of(" \t\r", start);
    if (from < end) return text.substr(from, end - from);
    start = end + 1;
  }
  return "unknown error";
}

std::string Recorder::here() const { return scope_.empty() ? "the model itself" : "layer " + scope_.back().first; }

const Slot& Recorder::at(const Value* value, const Frame& frame) const {
  auto found = frame.find(value);
  TORCH_CHECK(found != frame.end(), "reads a value that nothing before it makes");
  return found->second;
}

std::vector<Slot> Recorder::inputs(Node* node, const Frame& frame) const {
  std::vector<Slot> slots;
  slots.reserve(node->inputs().size());
  for (const auto* input : node->inputs()) slots.push_back(at(input, frame));
  return slots;
}

const Recorder::Dying& Recorder::dying(Block* block) {
  auto [place, fresh] = dying_.try_emplace(block);
  if (!fresh) return place->second;
  const auto note = [&](const Value* value, Node* maker) {
    Node* last = maker;
    for (const auto& use : value->uses()) {
      Node* user = use.user;
      while (user->owningBlock() != block) user = user->owningBlock()->owningNode();
      if (user == block->return_node()) return;
      if (!last || user->isAfter(last)) last = user;
    }
    if (last) place->second[last].push_back(value);
  };
  for (const auto* input : block->inputs()) note(input, nullptr);
  for (auto* node : block->nodes())
    for (const auto* output : node->outputs()) note(output, node);
  return place->second;
}

std::vector<Slot> Recorder::call(torch::jit::Function& function, std::vector<Slot> arguments) {
  TORCH_CHECK(++depth_ < most_depth, "its functions call each other more than ", most_depth, " deep");
  function.ensure_defined();
  auto* with_graph = torch::jit::tryToGraphFunction(function);
  TORCH_CHECK(with_graph, "function ", function.name(), " has no graph");
  auto graph = with_graph->graph();
  const auto& parameters = function.getSchema().arguments();
  Frame frame;
  for (size_t i = 0; i < graph->inputs().size(); ++i) {
    if (i >= arguments.size()) {
      TORCH_CHECK(i < parameters.size() && parameters[i].default_value(), "argument ", i, " of ", function.name(), " is missing");
      arguments.push_back({*parameters[i].default_value()});
    }
    frame[graph->inputs()[i]] = std::move(arguments[i]);
  }
  run(graph->block(), frame);
  std::vector<Slot> results;
  for (const auto* output : graph->outputs()) results.push_back(at(output, frame));
  --depth_;
  return results;
}

void Recorder::step() {
  TORCH_CHECK(steps_ > 0, "it runs more operators than any network does");
  --steps_;
}

void Recorder::run(Block* block, Frame& frame) {
  const auto& last_reads = dying(block);
  for (auto* node : block->nodes()) {
    step();
    run(node, frame);
    auto dead = last_reads.find(node);
    if (dead == last_reads.end()) continue;
    for (const auto* value : dead->second) frame.erase(value);
  }
}

void Recorder::run(Node* node, Frame& frame) {
  const auto kind = node->kind();
  if (kind == prim::CallMethod) return call_method(node, frame);
  if (kind == prim::If || kind == prim::Loop || kind == prim::CallFunction) {
    control_flow(node, frame);
    return;
  }
  try {
    if (!control_flow(node, frame) && !container(node, frame)) operate(node, frame);
  } catch (const std::exception& error) {
    TORCH_CHECK(false, kind.toQualString(), " (", here(), "): ", first_line(error));
  }
}

bool Recorder::control_flow(Node* node, Frame& frame) {
  const auto kind = node->kind();
  if (kind == prim::Constant) {
    Slot slot;
    if (node->output()->type()->kind() != c10::TypeKind::FunctionType) {
      auto constant = torch::jit::toIValue(node->output());
      TORCH_CHECK(constant, "a constant of the type ", node->output()->type()->repr_str());
      // Wherever the file was made, it runs here on the processor.
      slot.value = constant->isDevice() ? IValue(c10::Device(c10::kCPU)) : *constant;
    }
    frame[node->output()] = std::move(slot);
  } else if (kind == prim::If) {
    const auto& condition = at(node->input(), frame);
    if (recording_.depends(condition)) recording_.decided();
    auto* taken = node->blocks().at(condition.value.toBool() ? 0 : 1);
    run(taken, frame);
    for (size_t i = 0; i < node->outputs().size(); ++i) frame[node->output(i)] = at(taken->outputs()[i], frame);
  } else if (kind == prim::Loop) {
    loop(node, frame);
  } else if (kind == prim::CallFunction) {
    auto arguments = inputs(node, frame);
    arguments.erase(arguments.begin());
    auto* function = node->input(0)->type()->expectRef<c10::FunctionType>().function();
    auto results = call(*function, std::move(arguments));
    for (size_t i = 0; i < node->outputs().size(); ++i) frame[node->output(i)] = results.at(i);
  } else if (kind == prim::RaiseException) {
    const auto& message = at(node->input(0), frame).value;
    TORCH_CHECK(false, "the model itself says: ", message.isString() ? message.toStringRef() : "no");
  } else if (kind == prim::GetAttr) {
    frame[node->output()] = {at(node->input(), frame).value.toObjectRef().getAttr(node->s(attr::name))};
  } else if (kind == prim::SetAttr) {
    at(node->input(0), frame).value.toObject()->setAttr(node->s(attr::name), at(node->input(1), frame).value);
  } else if (kind == prim::unchecked_cast || kind == prim::Enter) {
    frame[node->output()] = at(node->input(0), frame);
  } else if (kind == prim::Exit || kind == prim::Print || kind == c10::aten::warn) {
    for (const auto* output : node->outputs()) frame[output] = {};
  } else {
    return false;
  }
  return true;
}

void Recorder::loop(Node* node, Frame& frame) {
  auto* body = node->blocks().at(0);
  const auto& trips = at(node->input(0), frame);
  Slot condition = at(node->input(1), frame);
  if (recording_.depends(trips) || recording_.depends(condition)) recording_.decided();
  const auto most = trips.value.toInt();
  std::vector<Slot> carried;
  for (size_t i = 2; i < node->inputs().size(); ++i) carried.push_back(at(node->input(i), frame));
  for (int64_t trip = 0; trip < most && condition.value.toBool(); ++trip) {
    step();
    frame[body->inputs()[0]] = {trip};
    for (size_t i = 0; i < carried.size(); ++i) frame[body->inputs()[i + 1]] = std::move(carried[i]);
    run(body, frame);
    condition = at(body->outputs()[0], frame);
    if (recording_.depends(condition)) recording_.decided();
    for (size_t i = 0; i < carried.size(); ++i) carried[i] = at(body->outputs()[i + 1], frame);
  }
  for (size_t i = 0; i < carried.size(); ++i) frame[node->output(i)] = std::move(carried[i]);
}

void Recorder::call_method(Node* node, Frame& frame) {
  auto arguments = inputs(node, frame);
  TORCH_CHECK(arguments.at(0).value.isObject(), "a method of what is no module (", here(), ")");
  const auto object = arguments[0].value.toObject();
  const auto& name = node->s(attr::name);
  auto* method = object->type()->findMethod(name);
  TORCH_CHECK(method, object->type()->repr_str(), " has no method ", name, " (", here(), ")");
  auto path = paths_.find(object.get());
  // A module's method that calls another one of its own stays in the same layer.
  const bool enters = path != paths_.end() && !path->second.empty() && (objects_.empty() || objects_.back() != object.get());
  if (enters) {
    const auto call = calls_[path->second]++;
    const auto kind = object->type()->name()->name();
    scope_.emplace_back(call == 0 ? path->second : path->second + "@" + std::to_string(call), kind);
  }
  objects_.push_back(object.get());
  auto results = call(*method, std::move(arguments));
  objects_.pop_back();
  if (enters) scope_.pop_back();
  for (size_t i = 0; i < node->outputs().size(); ++i) frame[node->output(i)] = results.at(i);
}

// Containers are put together and taken apart by the interpreter itself: libtorch has no operators for that.
bool Recorder::container(Node* node, Frame& frame) {
  const auto kind = node->kind();
  if (kind == prim::ListUnpack || kind == prim::TupleUnpack) {
    const auto container = at(node->input(), frame).value;
    const auto symbols = recording_.inside(container);
    TORCH_CHECK(symbols.size() == node->outputs().size(), "a container of ", symbols.size(), " taken apart into ", node->outputs().size());
    for (size_t i = 0; i < symbols.size(); ++i) {
      const auto& item = container.isTuple() ? container.toTupleRef().elements()[i] : container.toListRef()[i];
      frame[node->output(i)] = {item, symbols.get(i)};
    }
    return true;
  }
  if (kind == prim::TupleIndex) {
    const auto& tuple = at(node->input(0), frame).value;
    const auto& elements = tuple.toTupleRef().elements();
    const auto index = c10::maybe_wrap_dim(at(node->input(1), frame).value.toInt(), static_cast<int64_t>(elements.size()));
    frame[node->output()] = {elements[index], recording_.inside(tuple).get(index)};
    return true;
  }
  const auto slots = inputs(node, frame);
  IValue made;
  if (kind == prim::ListConstruct) {
    c10::impl::GenericList list(node->output()->type()->expectRef<c10::ListType>().getElementType());
    for (const auto& slot : slots) list.push_back(slot.value);
    made = list;
  } else if (kind == prim::TupleConstruct) {
    std::vector<IValue> items;
    for (const auto& slot : slots) items.push_back(slot.value);
    const auto type = node->output()->type()->expect<c10::TupleType>();
    made = type->schema() ? c10::ivalue::Tuple::createNamed(std::move(items), type) : c10::ivalue::Tuple::create(std::move(items));
  } else if (kind == prim::TupleSlice) {
    const auto& elements = slots.at(0).value.toTupleRef().elements();
    const auto from = node->i(attr::beg), to = node->i(attr::end);
    TORCH_CHECK(0 <= from && from <= to && to <= static_cast<int64_t>(elements.size()), "a slice out of range");
    std::vector<IValue> items;
    for (auto i = from; i < to; ++i) items.push_back(elements[i]);
    made = c10::ivalue::Tuple::create(std::move(items));
  } else if (kind == prim::DictConstruct) {
    const auto& type = node->output()->type()->expectRef<c10::DictType>();
    c10::impl::GenericDict dictionary(type.getKeyType(), type.getValueType());
    for (size_t i = 0; i + 1 < slots.size(); i += 2) dictionary.insert_or_assign(slots[i].value, slots[i + 1].value);
    made = dictionary;
  } else if (kind == prim::CreateObject) {
    const auto type = node->output()->type()->expect<c10::ClassType>();
    made = c10::ivalue::Object::create(c10::StrongTypePtr(type->compilation_unit(), type), type->numAttributes());
  } else if (kind == prim::isinstance) {
    const auto type = slots.at(0).value.type();
    const auto& candidates = node->tys(attr::types);
    made = std::any_of(candidates.begin(), candidates.end(), [&](const auto& candidate) { return type->isSubtypeOf(*candidate); });
  } else if (kind == prim::Uninitialized) {
    made = IValue::uninitialized();
  } else {
    return false;
  }
  if (kind == prim::ListConstruct || kind == prim::TupleConstruct) {
    c10::List<int64_t> symbols;
    for (const auto& slot : slots) symbols.push_back(slot.value.isTensor() ? known : slot.symbol);
    recording_.set_inside(made, symbols);
  }
  frame[node->output()] = {std::move(made)};
  return true;
}

// Questions for a shape, whose answers depend on what is fed.
bool Recorder::shape(Node* node, Frame& frame, const std::vector<Slot>& slots) {
  if (slots.empty() || !slots[0].value.isTensor() || !slots[0].value.toTensor().defined()) return false;
  const std::string name = node->kind().toQualString();
  const auto& tensor = slots[0].value.toTensor();
  if (name == "aten::size" && slots.size() == 2 && slots[1].value.isInt()) {
    frame[node->output()] = recording_.dimension(slots[0], c10::maybe_wrap_dim(slots[1].value.toInt(), tensor.dim()));
  } else if (name == "aten::size" && slots.size() == 1) {
    const IValue sizes(tensor.sizes().vec());
    c10::List<int64_t> symbols;
    for (int64_t i = 0; i < tensor.dim(); ++i) symbols.push_back(recording_.dimension(slots[0], i).symbol);
    recording_.set_inside(sizes, symbols);
    frame[node->output()] = {sizes};
  } else if (name == "aten::len") {
    TORCH_CHECK(tensor.dim() > 0, "len() of a tensor without dimensions");
    frame[node->output()] = recording_.dimension(slots[0], 0);
  } else {
    return false;
  }
  return true;
}

// Arithmetic on numbers that come from a size, also where a trace does it on tensors of one number.
bool Recorder::arithmetic(const std::string& name, const std::vector<Slot>& slots, const IValue& result, Slot& slot) {
  if (slots.empty()) return false;
  bool follows = false;
  if (is_number(result)) {
    auto operation = size_operations.find(name);
    if (slots.size() == 1 && slots[0].value.isTensor()) {
      if (name == "aten::Int" || name == "aten::Float" || name == "aten::IntImplicit" || name == "aten::FloatImplicit" ||
          name == "aten::ScalarImplicit") {
        slot = recording_.item(slots[0], result);
        if (slot.symbol != known && name != "aten::ScalarImplicit")
          slot = recording_.size(result.isInt() ? "int" : "float", {slot}, result);
        return true;
      }
      return false;
    }
    if (operation == size_operations.end()) return false;
    for (const auto& input : slots) {
      if (!is_number(input.value)) return false;
      follows = follows || input.symbol != known;
    }
    slot = follows ? recording_.size(operation->second, slots, result) : Slot{result};
    return true;
  }
  auto operation = number_operations.find(name);
  if (operation == number_operations.end() || !result.isTensor() || result.toTensor().dim() != 0) return false;
  if (c10::isFloatingType(result.toTensor().scalar_type())) return false;
  std::vector<Slot> numbers;
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto& input = slots[i];
    if (i == 2 && input.value.isInt() && input.value.toInt() == 1) continue;  // alpha
    if (!input.value.isTensor()) {
      if (!input.value.isInt()) return false;
      numbers.push_back(input);
      continue;
    }
    const auto& tensor = input.value.toTensor();
    const auto number = recording_.number_in(tensor);
    if (tensor.dim() != 0 || c10::isFloatingType(tensor.scalar_type())) return false;
    if (number == known && recording_.depends(input)) return false;
    follows = follows || number != known;
    numbers.push_back({tensor.item(), number});
  }
  if (!follows || numbers.size() > 2) return false;
  const auto number = recording_.size(operation->second, numbers, result.toTensor().item());
  recording_.holds_number(result.toTensor(), number.symbol);
  slot = {result};
  return true;
}

// The arguments of an operator that moves elements of lists, with the symbols of the numbers in their place.
Recorder::Followed Recorder::follow(const c10::FunctionSchema& schema, const std::vector<Slot>& slots) {
  Followed followed;
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto& value = slots[i].value;
    if (is_number_list(value)) {
      followed.lists.emplace_back(value, recording_.inside(value));
      followed.stack.emplace_back(followed.lists.back().second);
    } else if (schema.arguments()[i].type()->kind() == c10::TypeKind::IntType) {
      followed.stack.push_back(value);
    } else {
      followed.stack.emplace_back(slots[i].symbol);
    }
  }
  return followed;
}

void Recorder::operate(Node* node, Frame& frame) {
  const auto slots = inputs(node, frame);
  if (shape(node, frame, slots)) return;
  const auto* op = node->maybeOperator();
  TORCH_CHECK(op, "libtorch has no such operator");
  const auto& schema = op->schema();
  const auto& name = schema.name();
  allow(name);
  divides(name, slots);
  auto operation = op->getOperation(node);

  const bool numbers = !op->isC10Op() && list_operations.count(name) > 0 &&
                       std::any_of(slots.begin(), slots.end(), [](const Slot& slot) { return is_number_list(slot.value); });
  Followed followed;
  if (numbers) followed = follow(schema, slots);

  Stack stack;
  for (const auto& slot : slots) stack.push_back(slot.value);
  if (schema.is_vararg()) stack.emplace_back(static_cast<int64_t>(slots.size()));
  operation(stack);
  TORCH_CHECK(stack.size() == node->outputs().size(), "as many results as the program takes");

  std::vector<Slot> results;
  Slot number;
  if (stack.size() == 1 && arithmetic(name, slots, stack[0], number)) {
    results.push_back(std::move(number));
  } else if (op->isC10Op()) {
    const bool makes = std::any_of(stack.begin(), stack.end(), [](const IValue& v) { return v.isTensor() || v.isTensorList(); });
    const bool follows = std::any_of(slots.begin(), slots.end(), [&](const Slot& slot) { return recording_.depends(slot); });
    if (name == "aten::item" && stack.size() == 1) {
      results.push_back(recording_.item(slots.at(0), stack[0]));
    } else if (makes || (follows && fixed_answers.count(name) == 0)) {
      results = recording_.call(schema, scope_, slots, stack);
    } else {
      for (auto& value : stack) results.push_back({std::move(value)});
    }
  } else {
    for (auto& value : stack) results.push_back({value});
    if (name == "prim::NumToTensor") {
      if (slots[0].symbol != known) recording_.holds_number(stack[0].toTensor(), slots[0].symbol);
    } else if (numbers) {
      operation(followed.stack);
      for (const auto& [list, symbols] : followed.lists) recording_.set_inside(list, symbols);
      for (size_t i = 0; i < results.size() && i < followed.stack.size(); ++i) {
        const auto& symbols = followed.stack[i];
        if (is_number(results[i].value) && symbols.isInt()) {
          results[i].symbol = symbols.toInt();
        } else if (is_number_list(results[i].value) && symbols.isIntList()) {
          recording_.set_inside(results[i].value, symbols.toIntList());
        }
      }
    } else {
      for (const auto& result : results) {
        if (!result.value.isTensor() || !result.value.toTensor().defined() || recording_.is_recorded(result.value.toTensor())) continue;
        for (const auto& slot : slots)
          TORCH_CHECK(!recording_.depends(slot), "the operator is TorchScript's own and cannot be shown where it depends on the picture");
      }
    }
  }
  for (size_t i = 0; i < results.size(); ++i) frame[node->output(i)] = std::move(results[i]);
}

}  // namespace layerscope
