"""The light models of the onnx package: well-known networks of version 9 of the standard, whose weights are all one number
(`ConstantOfShape`). Here they get random ones, so that the outputs depend on the picture. The outputs are onnxruntime's."""

import os
import pathlib

import numpy as np
import onnx
import onnxruntime
import protocol
from onnx import numpy_helper
from protocol import Case, Skip

DATA = pathlib.Path(os.path.dirname(onnx.__file__)) / "backend" / "test" / "data" / "light"


def alive(model):
    """Random weights in place of the nodes that fill them with one number."""
    random = np.random.default_rng(1)
    shapes = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    variances = {node.input[4] for node in model.graph.node if node.op_type == "BatchNormalization"}
    filled = [node for node in model.graph.node if node.op_type == "ConstantOfShape"]
    for node in filled:
        shape, name = shapes[node.input[0]], node.output[0]
        weight = random.standard_normal(shape) * np.sqrt(2 / max(np.prod(shape[1:]), 1)) if len(shape) > 1 else random.standard_normal(shape)
        weight = np.abs(weight) + 0.5 if name in variances else weight
        model.graph.initializer.append(numpy_helper.from_array(weight.astype(np.float32), name))
        model.graph.node.remove(node)
    return len(filled)


def make(path, folder):
    model = onnx.load(path)
    if not alive(model):
        raise Skip("no weight that could be made random")
    path = folder / "model.onnx"
    onnx.save(model, path)
    limits = onnxruntime.SessionOptions()
    limits.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), limits, providers=["CPUExecutionProvider"])
    (fed,) = session.get_inputs()
    picture = np.random.default_rng(0).standard_normal(fed.shape).astype(np.float32)
    return {"file": path, "inputs": [picture], "outputs": session.run(None, {fed.name: picture}), "any_graph": False}


def cases():
    for path in sorted(DATA.glob("*.onnx")):
        yield Case(path.stem.removeprefix("light_"), "light", lambda folder, path=path: make(path, folder))


protocol.main(cases())
