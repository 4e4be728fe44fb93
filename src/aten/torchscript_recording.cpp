// Symbols, arguments and the JSON of a recording.

#include "torchscript_recording.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <cmath>
#include <cstdio>

namespace layerscope {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (unsigned char byte : text) {
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += static_cast<char>(byte);
    } else if (byte < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      out += escape;
    } else {
      out += static_cast<char>(byte);
    }
  }
  return out + '"';
}

namespace {

std::string real(double number) {
  if (std::isnan(number)) return "{\"float\":\"nan\"}";
  if (std::isinf(number)) return number > 0 ? "{\"float\":\"inf\"}" : "{\"float\":\"-inf\"}";
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", number);
  return "{\"float\":" + std::string(text) + "}";
}

std::string value(Symbol symbol) { return "{\"value\":" + std::to_string(symbol) + "}"; }

bool is_number(const c10::IValue& value) { return value.isInt() || value.isDouble() || value.isBool(); }

}  // namespace

Recording::Known& Recording::entry(const at::Tensor& tensor) {
  auto [place, fresh] = tensors_.try_emplace(tensor.unsafeGetTensorImpl(), Known{WeakTensor(tensor.getIntrusivePtr())});
  return place->second;
}

Symbol Recording::define(bool depends) {
  depends_.push_back(depends);
  return static_cast<Symbol>(depends_.size()) - 1;
}

void Recording::name_tensor(const at::Tensor& tensor, const std::string& name, const char* role) {
  auto& known = entry(tensor);
  if (!known.name.empty()) return;
  known.name = name;
  known.role = role;
}

Symbol Recording::input(const at::Tensor& tensor) {
  input_ = define(true);
  entry(tensor).symbol = input_;
  return input_;
}

void Recording::set_outputs(const c10::IValue& value) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) outputs_.push_back(symbol_of({value}));
  } else if (value.isList()) {
    for (const auto& item : value.toListRef()) set_outputs(item);
  } else if (value.isTuple()) {
    for (const auto& item : value.toTupleRef().elements()) set_outputs(item);
  } else if (value.isGenericDict()) {
    for (const auto& item : value.toGenericDict()) set_outputs(item.value());
  }
}

bool Recording::is_recorded(const at::Tensor& tensor) const {
  auto found = tensors_.find(tensor.unsafeGetTensorImpl());
  return found != tensors_.end() && (found->second.symbol != known || found->second.number != known || !found->second.name.empty());
}

Symbol Recording::symbol_of(const Slot& slot) {
  if (slot.symbol != known || !slot.value.isTensor() || !slot.value.toTensor().defined()) return slot.symbol;
  const auto& tensor = slot.value.toTensor();
  auto& found = entry(tensor);
  if (found.symbol == known && found.number != known) {
    static const auto& schema = c10::Dispatcher::singleton().findSchemaOrThrow("aten::scalar_tensor", "").schema();
    const Slot dtype{static_cast<int64_t>(tensor.scalar_type())}, none;
    call(schema, {}, {Slot{tensor.item(), found.number}, dtype, none, none, none}, {slot.value});
  } else if (found.symbol == known) {
    found.symbol = define(false);
    weights_.push_back({tensor, found.name, found.role, found.symbol});
  }
  return entry(tensor).symbol;
}

bool Recording::depends(const Slot& slot) {
  if (slot.symbol != known) return depends_[slot.symbol];
  const auto& value = slot.value;
  if (value.isTensor() && value.toTensor().defined()) {
    auto found = tensors_.find(value.toTensor().unsafeGetTensorImpl());
    if (found == tensors_.end()) return false;
    return found->second.number != known || (found->second.symbol != known && depends_[found->second.symbol]);
  }
  if (value.isList() || value.isTuple()) {
    auto found = inside_.find(value.internalToPointer());
    if (found != inside_.end())
      for (int64_t symbol : found->second.second)
        if (symbol != known && depends_[symbol]) return true;
    if (value.isTuple()) {
      for (const auto& item : value.toTupleRef().elements())
        if (depends({item})) return true;
    } else {
      for (const auto& item : value.toListRef())
        if (depends({item})) return true;
    }
  }
  return false;
}

void Recording::argument(std::string& out, const Slot& slot, c10::TypePtr type) {
  const auto& value = slot.value;
  while (type && type->kind() == c10::TypeKind::OptionalType) type = type->castRaw<c10::OptionalType>()->getElementType();
  const auto kind = type ? type->kind() : c10::TypeKind::AnyType;
  if (value.isTensor()) {
    out += value.toTensor().defined() ? layerscope::value(symbol_of(slot)) : "null";
  } else if (slot.symbol != known) {
    out += layerscope::value(slot.symbol);
  } else if (value.isNone() || kind == c10::TypeKind::LayoutType || kind == c10::TypeKind::GeneratorType) {
    out += "null";
  } else if (value.isBool()) {
    out += value.toBool() ? "true" : "false";
  } else if (value.isInt()) {
    const auto number = std::to_string(value.toInt());
    out += kind == c10::TypeKind::ScalarTypeType ? "{\"dtype\":" + number + "}"
           : kind == c10::TypeKind::MemoryFormatType ? "{\"memory_format\":" + number + "}"
                                                     : number;
  } else if (value.isDouble()) {
    out += real(value.toDouble());
  } else if (value.isString()) {
    out += quoted(value.toStringRef());
  } else if (value.isDevice()) {
    out += "{\"device\":null}";
  } else if (value.isList()) {
    const auto element = type && type->kind() == c10::TypeKind::ListType
                             ? type->castRaw<c10::ListType>()->getElementType()
                             : nullptr;
    const auto symbols = inside(value);
    out += '[';
    size_t index = 0;
    for (const auto& item : value.toListRef()) {
      if (index > 0) out += ',';
      argument(out, {item, is_number(item) ? symbols.get(index) : known}, element);
      ++index;
    }
    out += ']';
  } else {
    TORCH_CHECK(false, "an argument of the type ", value.tagKind(), ", which is neither tensor, number nor word");
  }
}

void Recording::start_node(const std::string& name, const std::string& overload, const Scope& scope) {
  auto [place, fresh] = scopes_.try_emplace(scope, scope_list_.size());
  if (fresh) scope_list_.push_back(scope);
  if (!nodes_.empty()) nodes_ += ",\n";
  nodes_ += "{\"name\":" + quoted(name) + ",\"overload\":" + quoted(overload) + ",\"scope\":" + std::to_string(place->second) + ",\"arguments\":[";
}

std::vector<Slot> Recording::call(const c10::FunctionSchema& schema, const Scope& scope, const std::vector<Slot>& arguments,
                                  const std::vector<c10::IValue>& results) {
  // Reading an argument may record nodes of its own, so all are read before the node is begun.
  std::string written;
  bool depends = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto& parameter = schema.arguments().at(i);
    if (i > 0) written += ',';
    written += "[" + quoted(parameter.name()) + ",";
    argument(written, arguments[i], parameter.real_type());
    written += ']';
    depends = depends || this->depends(arguments[i]);
  }
  start_node(schema.name(), schema.overload_name(), scope);
  nodes_ += written + "],\"outputs\":[";
  std::vector<Slot> slots;
  const auto bind = [&](const c10::IValue& result) {
    const auto symbol = define(depends);
    if (result.isTensor()) {
      auto& known = entry(result.toTensor());
      known.symbol = symbol;
      known.number = layerscope::known;
    }
    nodes_ += std::to_string(symbol);
    return symbol;
  };
  for (const auto& result : results) {
    if (!slots.empty()) nodes_ += ',';
    if (result.isTensorList()) {
      nodes_ += '[';
      bool first = true;
      for (const auto& item : result.toListRef()) {
        if (!first) nodes_ += ',';
        first = false;
        bind(item);
      }
      nodes_ += ']';
      slots.push_back({result});
    } else if (is_number(result) || (result.isTensor() && result.toTensor().defined())) {
      const auto symbol = bind(result);
      slots.push_back({result, result.isTensor() || depends ? symbol : known});
    } else {
      nodes_ += "null";
      slots.push_back({result});
    }
  }
  nodes_ += "]}";
  return slots;
}

Slot Recording::size(const char* operation, const std::vector<Slot>& arguments, c10::IValue result) {
  std::string written;
  for (const auto& slot : arguments) {
    if (!written.empty()) written += ',';
    written += "[\"\",";
    argument(written, slot, nullptr);
    written += ']';
  }
  start_node(std::string("size::") + operation, "", {});
  const auto symbol = define(true);
  nodes_ += written + "],\"outputs\":[" + std::to_string(symbol) + "]}";
  return {std::move(result), symbol};
}

Slot Recording::dimension(const Slot& tensor, int64_t dimension) {
  const auto& of = tensor.value.toTensor();
  const c10::IValue size(of.size(dimension));
  if (!depends(tensor)) return {size};
  if (dimension < 0) dimension += of.dim();
  const auto place = std::make_pair(symbol_of(tensor), dimension);
  auto found = dimensions_.find(place);
  if (found == dimensions_.end()) {
    static const auto& schema = c10::Dispatcher::singleton().findSchemaOrThrow("aten::sym_size", "int").schema();
    const auto symbol = call(schema, {}, {tensor, Slot{dimension}}, {size}).front().symbol;
    found = dimensions_.emplace(place, symbol).first;
  }
  return {size, found->second};
}

void Recording::holds_number(const at::Tensor& tensor, Symbol number) { entry(tensor).number = number; }

Symbol Recording::number_in(const at::Tensor& tensor) const {
  auto found = tensors_.find(tensor.unsafeGetTensorImpl());
  return found == tensors_.end() ? known : found->second.number;
}

Slot Recording::item(const Slot& tensor, c10::IValue result) {
  if (!depends(tensor)) return {std::move(result)};
  const auto number = number_in(tensor.value.toTensor());
  if (number != known) return {std::move(result), number};
  static const auto& schema = c10::Dispatcher::singleton().findSchemaOrThrow("aten::item", "").schema();
  return call(schema, {}, {tensor}, {result}).front();
}

c10::List<int64_t> Recording::inside(const c10::IValue& container) {
  const size_t length = container.isTuple() ? container.toTupleRef().elements().size() : container.toListRef().size();
  auto found = inside_.find(container.internalToPointer());
  if (found != inside_.end() && found->second.second.size() == length) return found->second.second;
  c10::List<int64_t> symbols;
  for (size_t i = 0; i < length; ++i) symbols.push_back(known);
  return symbols;
}

void Recording::set_inside(const c10::IValue& container, const c10::List<int64_t>& symbols) {
  inside_.insert_or_assign(container.internalToPointer(), std::make_pair(container, symbols));
}

std::string Recording::json() const {
  std::string out = "{\"nodes\":[" + nodes_ + "],\n\"scopes\":[";
  for (size_t i = 0; i < scope_list_.size(); ++i) {
    out += i > 0 ? ",[" : "[";
    for (size_t j = 0; j < scope_list_[i].size(); ++j)
      out += (j > 0 ? ",[" : "[") + quoted(scope_list_[i][j].first) + "," + quoted(scope_list_[i][j].second) + "]";
    out += ']';
  }
  out += "],\n\"weights\":[";
  for (size_t i = 0; i < weights_.size(); ++i)
    out += (i > 0 ? ",{" : "{") + ("\"name\":" + quoted(weights_[i].name)) + ",\"role\":" + quoted(weights_[i].role) +
           ",\"value\":" + std::to_string(weights_[i].symbol) + "}";
  out += "],\n\"outputs\":[";
  for (size_t i = 0; i < outputs_.size(); ++i) out += (i > 0 ? "," : "") + std::to_string(outputs_[i]);
  return out + "],\n\"input\":" + std::to_string(input_) + ",\"values\":" + std::to_string(depends_.size()) +
         ",\"decisions\":" + std::to_string(decisions_) + "}";
}

}  // namespace layerscope
