"""An architecture as a graph without weights: what `torch.export` writes, less all that the graph does not need."""

import hashlib
import json
import math
import re
import signal

import torch
from torch._export.serde import serialize
from torch._export.serde.serialize import GraphModuleSerializer, _dataclass_to_dict
from torch.export import Dim, export
from torch.export.graph_signature import InputKind
from torch.overrides import TorchFunctionMode

#: Operators that check what was true at export and change nothing.
ASSERTIONS = ("torch.ops.aten._assert_", "torch.ops.aten.sym_constrain_range")

#: Targets that only compute sizes: unused ones go.
SIZES = ("_operator.", "math.", "torch.sym_", "torch._sym_", "torch.ops.aten.sym_")

KINDS = {torch.float32: "f", torch.int64: "i", torch.bool: "b", torch.int32: "j", torch.float16: "h", torch.uint8: "u"}


#: Sizes rounded up, as for TensorFlow's padding, are not among what torch.export.save writes.
serialize._SYM_OPS.add(math.ceil)


class NoInitialisation(TorchFunctionMode):
    """Random weights are never looked at: zeros do, which also end the draws that are repeated until all numbers are in range."""

    RANDOM = {"normal_", "uniform_", "erfinv_", "trunc_normal_", "kaiming_uniform_", "xavier_uniform_", "orthogonal_"}

    def __torch_function__(self, function, types, arguments=(), options=None):
        if getattr(function, "__name__", "") in self.RANDOM and arguments and isinstance(arguments[0], torch.Tensor):
            with torch.no_grad():
                return arguments[0].zero_()
        return function(*arguments, **(options or {}))


def class_tensors(architecture, shapes):
    """The tensors whose first dimension counts the classes, found by asking for another number of classes."""
    with NoInitialisation():
        other = architecture.make(num_classes=7).state_dict()
    found = []
    for name, shape in shapes.items():
        there = tuple(other[name].shape) if name in other else None
        if there is not None and there != shape:
            if there[1:] != shape[1:]:
                raise ValueError(f"{name} depends on the classes in more than its first dimension: {shape}, {there}")
            found.append(name)
    return found


def took_too_long(*_):
    raise TimeoutError("it takes too long")


def of(network, size, dimensions):
    """The program of a network for a size (channels, height, width), as the parts that are stored."""
    shapes = ({dimension: Dim.AUTO for dimension in dimensions},)
    program = export(network, (torch.zeros(2, *size),), dynamic_shapes=shapes)
    module = GraphModuleSerializer(program.graph_signature, program.module_call_graph).serialize(program.graph_module)
    # Through JSON, for the keys of the serializer's unions are no plain text.
    module = json.loads(json.dumps(_dataclass_to_dict(module)))
    # Whole numbers that a checkpoint may have, such as Swin's position index, follow from the architecture.
    state = network.state_dict()
    learned = {name for name, tensor in state.items() if tensor.is_floating_point()}
    document = stripped(module, learned)
    tensors, blob = tables(document, {**state, **program.constants})
    return document, tensors, blob


def exported(architecture, seconds):
    """The document that is stored, and the constants' bytes.

    A program for any batch and one size is quickly made. If it is the same for another size, it is one for any size. If not,
    one for any size is tried, for no longer than `seconds`.
    """
    with NoInitialisation():
        network = architecture.make(num_classes=architecture.classes).eval()
    channels, height, width = architecture.input
    document, tensors, blob = of(network, architecture.input, [0])
    body = document["graph_module"]["graph"]
    if architecture.any_size:
        try:
            other = of(network, (channels, height + 64, width + 96), [0])
            same = (other[0]["graph_module"]["graph"]["nodes"], *other[1:]) == (body["nodes"], tensors, blob)
        except Exception:
            same = False
        if same:
            body["tensor_values"]["x"]["sizes"][2:] = [{"as_expr": {"hint": {"as_int": side}}} for side in (height, width)]
        else:
            signal.signal(signal.SIGALRM, took_too_long)
            signal.alarm(seconds)
            try:
                document, tensors, blob = of(network, architecture.input, [0, 2, 3])
            except Exception as error:
                line = (str(error).splitlines() or [""])[0][:100]
                print(f"{architecture.key}: of one height and width ({type(error).__name__}: {line})", flush=True)
            signal.alarm(0)
    state = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    used = {tensor["name"] for tensor in tensors if tensor["role"] != "c"}
    document["weights"] = tensors
    document["classes"] = [name for name in class_tensors(architecture, state) if name in used]
    document["unused"] = [name for name in state if name not in used and not name.endswith("num_batches_tracked")]
    if "as_expr" not in document["graph_module"]["graph"]["tensor_values"]["x"]["sizes"][0]:
        raise ValueError("the batch is fixed")
    return document, blob


def plain(value):
    """Without nulls."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    return [plain(item) for item in value] if isinstance(value, list) else value


def names_in(value):
    """All value names that an argument mentions."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("name", "as_name", "graph_name") and isinstance(item, str):
                yield item
            else:
                yield from names_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from names_in(item)


def stack(text):
    """`,layer1.0,BasicBlock;…`: paths and kinds without packages; `@1` marks the second call of a module."""
    entries = []
    for entry in (text or "").split(";"):
        parts = entry.split(",", 2)
        if len(parts) == 3 and parts[1]:
            call = re.search(r"@\d+$", parts[0])
            entries.append(f"{call.group() if call else ''},{parts[1]},{parts[2].rsplit('.', 1)[-1]}")
    return ";".join(entries)


def stripped(module, learned):
    graph = module["graph"]
    nodes = [node for node in graph["nodes"] if not node["target"].startswith(ASSERTIONS)]
    outputs = {name for output in graph["outputs"] for name in names_in(output)}
    while True:
        read = outputs | {name for node in nodes for item in node["inputs"] for name in names_in(item["arg"])}
        dead = lambda node: node["target"].startswith(SIZES) and not (set(names_in(node["outputs"])) & read)
        kept = [node for node in nodes if not dead(node)]
        if len(kept) == len(nodes):
            break
        nodes = kept
    user = [spec["user_input"]["arg"]["as_tensor"]["name"] for spec in module["signature"]["input_specs"] if "user_input" in spec]
    if len(user) != 1:
        raise ValueError(f"{len(user)} inputs")
    rename = {user[0]: "x"}
    specs = []
    for spec in module["signature"]["input_specs"]:
        (kind, inner), = spec.items()
        if kind == "user_input":
            specs.append({kind: {"arg": {"as_tensor": {"name": "x"}}}})
            continue
        name = inner["arg"]["name"]
        if name not in read:
            continue
        rename[name] = f"w{len(specs)}"
        target = inner.get("parameter_name") or inner.get("buffer_name") or inner.get("tensor_constant_name")
        if kind == "buffer" and target not in learned:
            kind = "tensor_constant"
        specs.append({kind: {"arg": {"name": rename[name]}, f"{kind}_name": target}})

    def renamed(value):
        if isinstance(value, dict):
            return {
                key: rename.get(item, item) if key in ("name", "as_name") and isinstance(item, str) else renamed(item)
                for key, item in value.items()
            }
        return [renamed(item) for item in value] if isinstance(value, list) else value

    def kept(node):
        inputs = [{"name": item["name"], "arg": renamed(plain(item["arg"]))} for item in node["inputs"]]
        result = {"target": node["target"], "inputs": inputs, "outputs": plain(node["outputs"])}
        if node.get("name") is not None and [node["name"]] != list(names_in(node["outputs"])):
            result["name"] = node["name"]
        return {**result, "metadata": {"nn_module_stack": stack(node["metadata"].get("nn_module_stack"))}}

    sizes = graph["tensor_values"][user[0]]["sizes"]
    size = lambda it: it if "as_int" in it else {"as_expr": {"hint": it["as_expr"]["hint"]}}
    return {
        "graph_module": {
            "graph": {
                "nodes": [kept(node) for node in nodes],
                "tensor_values": {"x": {"dtype": graph["tensor_values"][user[0]]["dtype"], "sizes": [size(it) for it in sizes]}},
            },
            "signature": {"input_specs": specs, "output_specs": renamed(plain(module["signature"]["output_specs"]))},
        }
    }


def tables(document, state):
    """Name, role, kind and shape of each weight; constants with where their bytes stand in the blob."""
    tensors, blob, places = [], bytearray(), {}
    for spec in document["graph_module"]["signature"]["input_specs"]:
        (kind, inner), = spec.items()
        if kind == "user_input":
            continue
        name = inner[f"{kind}_name"]
        tensor = state[name]
        entry = {"name": name, "role": {"parameter": "p", "buffer": "b", "tensor_constant": "c"}[kind],
                 "kind": KINDS[tensor.dtype], "shape": list(tensor.shape)}
        if kind == "tensor_constant":
            data = tensor.detach().contiguous().view(-1).numpy().tobytes() if tensor.numel() else b""
            digest = hashlib.sha256(data).digest()
            if digest not in places:
                places[digest] = len(blob)
                blob += data
            entry["at"] = places[digest]
        tensors.append(entry)
    return tensors, bytes(blob)


def save(architecture, folder, seconds):
    document, blob = exported(architecture, seconds)
    path = folder / architecture.source / f"{architecture.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".bin").write_bytes(blob)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(document, separators=(",", ":")))
    partial.rename(path)
