// Loads a TorchScript archive by libtorch's own loader and hands over what a run of it records, as plain data.

#include "guarded.h"
#include "torchscript_recorder.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/rand.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/jit/serialization/import.h>

namespace {

using layerscope::guarded;
using layerscope::Slot;

struct Script {
  torch::jit::Module module;
  std::unordered_map<const void*, std::string> paths;
  std::vector<std::tuple<at::Tensor, std::string, const char*>> tensors;
  std::string description;
  // Operators that all runs together may call. The largest networks call some ten thousand.
  size_t steps = 3'000'000;
};

struct Recorded {
  layerscope::Recording recording;
  std::string json;
};

constexpr size_t most_modules = 100'000;
constexpr size_t most_nesting = 500;

// Puts the module tree into evaluation and notes what every module and tensor is called.
void visit(Script& script, const c10::intrusive_ptr<c10::ivalue::Object>& object, const std::string& path, size_t depth) {
  TORCH_CHECK(depth < most_nesting && script.paths.size() < most_modules, "its modules are nested without end");
  if (!script.paths.emplace(object.get(), path).second) return;
  const auto type = object->type();
  const auto below = [&](const std::string& name) { return path.empty() ? name : path + "." + name; };
  for (size_t i = 0; i < type->numAttributes(); ++i) {
    const auto& name = type->getAttributeName(i);
    const auto& value = object->getSlot(i);
    if (value.isTensor() && value.toTensor().defined()) {
      const auto* role = !type->is_module()       ? "constant"
                         : type->is_parameter(i) ? "parameter"
                         : type->is_buffer(i)    ? "buffer"
                                                 : "constant";
      script.tensors.emplace_back(value.toTensor(), below(name), role);
    } else if (name == "training" && value.isBool()) {
      object->setSlot(i, false);
    }
  }
  for (size_t i = 0; i < type->numAttributes(); ++i) {
    const auto& value = object->getSlot(i);
    if (value.isObject() && value.toObjectRef().type()->is_module())
      visit(script, value.toObject(), below(type->getAttributeName(i)), depth + 1);
  }
}

// {"dtype": of the weights, "stem": shape of the first kernel or null}
std::string describe(const Script& script) {
  const auto shape = [](c10::IntArrayRef sizes) {
    std::string out = "[";
    for (size_t i = 0; i < sizes.size(); ++i) out += (i > 0 ? "," : "") + std::to_string(sizes[i]);
    return out + "]";
  };
  std::string stem = "null", dtype = "6";
  bool weights = false;
  for (const auto& [tensor, name, role] : script.tensors) {
    if (!c10::isFloatingType(tensor.scalar_type())) continue;
    if (!std::exchange(weights, true)) dtype = std::to_string(static_cast<int>(tensor.scalar_type()));
    if (tensor.dim() == 4 && stem == "null") stem = shape(tensor.sizes());
  }
  return "{\"stem\":" + stem + ",\"dtype\":" + dtype + "}";
}

torch::jit::Function& forward_of(Script& script) {
  auto* forward = script.module.type()->findMethod("forward");
  TORCH_CHECK(forward, "its module has no method forward");
  return *forward;
}

// The arguments of forward: one picture, and defaults for the rest.
std::vector<Slot> arguments(Script& script, layerscope::Recording& recording, const at::Tensor& picture) {
  const auto& parameters = forward_of(script).getSchema().arguments();
  std::vector<Slot> slots = {{script.module._ivalue()}};
  bool fed = false;
  for (size_t i = 1; i < parameters.size(); ++i) {
    const auto& type = parameters[i].type();
    const bool tensor = c10::TensorType::get()->isSubtypeOf(*type);
    if (tensor && !fed) {
      slots.push_back({picture, recording.input(picture)});
      fed = true;
    } else if (parameters[i].default_value()) {
      slots.push_back({*parameters[i].default_value()});
    } else {
      TORCH_CHECK(type->kind() == c10::TypeKind::OptionalType, "its forward takes ", parameters[i].name(), ", a ", type->repr_str(),
                  "; layerscope shows networks that take one picture of N×C×H×W");
      slots.push_back({});
    }
  }
  TORCH_CHECK(fed, "its forward takes no tensor; layerscope shows networks that take one picture of N×C×H×W");
  return slots;
}

template <typename F> void* made(F&& body) {
  void* result = nullptr;
  if (guarded([&] {
        try {
          result = body();
        } catch (const std::exception& error) {
          throw std::runtime_error(layerscope::first_line(error));
        }
      }) != 0)
    return nullptr;
  return result;
}

}  // namespace

extern "C" {

void* ls_script_load(const char* path) {
  return made([&]() -> void* {
    auto script = std::make_unique<Script>();
    script->module = torch::jit::load(path, c10::Device(c10::kCPU));
    visit(*script, script->module._ivalue(), "", 0);
    script->description = describe(*script);
    return script.release();
  });
}
void ls_script_free(void* script) {
  guarded([&] { delete static_cast<Script*>(script); });
}
const char* ls_script_description(const void* script) { return static_cast<const Script*>(script)->description.c_str(); }

// Runs forward once on noise of the given shape.
void* ls_script_record(void* handle, const int64_t* sizes, size_t dimensions, int dtype) {
  return made([&]() -> void* {
    auto& script = *static_cast<Script*>(handle);
    auto recorded = std::make_unique<Recorded>();
    const c10::NoGradGuard no_grad;
    auto generator = at::detail::createCPUGenerator(54);
    const auto picture = at::rand(at::IntArrayRef(sizes, dimensions), generator).to(static_cast<at::ScalarType>(dtype));
    for (const auto& [tensor, name, role] : script.tensors) recorded->recording.name_tensor(tensor, name, role);
    layerscope::Recorder recorder(recorded->recording, script.paths, script.steps);
    for (const auto& slot : recorder.call(forward_of(script), arguments(script, recorded->recording, picture)))
      recorded->recording.set_outputs(slot.value);
    recorded->json = recorded->recording.json();
    return recorded.release();
  });
}
void ls_recorded_free(void* recorded) {
  guarded([&] { delete static_cast<Recorded*>(recorded); });
}
const char* ls_recorded_json(const void* recorded) { return static_cast<const Recorded*>(recorded)->json.c_str(); }
size_t ls_recorded_weights(const void* recorded) { return static_cast<const Recorded*>(recorded)->recording.weights().size(); }
// A new at::Tensor that the caller owns, on the processor and strided; null with an error where it is not.
void* ls_recorded_weight(const void* recorded, size_t index) {
  return made([&]() -> void* {
    const auto& weight = static_cast<const Recorded*>(recorded)->recording.weights().at(index);
    TORCH_CHECK(weight.tensor.layout() == c10::kStrided && weight.tensor.is_cpu() && !weight.tensor.is_quantized(),
                "weight ", weight.name, " is no plain tensor");
    return new at::Tensor(weight.tensor);
  });
}
}
