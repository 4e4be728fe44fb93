"""The light models of the onnx package: well-known networks of version 7 to 9, whose weights are made from a seed by the network
itself (`ConstantOfShape`). The outputs are onnxruntime's on a random picture."""

import os
import pathlib

import numpy as np
import onnx
import onnxruntime
import protocol
from protocol import Case

DATA = pathlib.Path(os.path.dirname(onnx.__file__)) / "backend" / "test" / "data" / "light"


def make(path, folder):
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
