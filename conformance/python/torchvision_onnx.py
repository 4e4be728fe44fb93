"""All classification models of torchvision, exported to ONNX by both exporters: random weights, outputs of onnxruntime."""

import warnings

import onnxruntime
import protocol
import torch
import torchvision
from programs import alive, picture
from protocol import Case

# Where a smaller picture than 224 does. What holds a position for each patch wants its own size.
SIDES = {"inception_v3": 128}
# The tracing exporter wants a pool to divide its input evenly: AlexNet and VGG at their own size.
FIXED = ("vit_", "maxvit_", "alexnet", "vgg")
HUGE = ("vit_l_16", "vit_l_32", "regnet_y_128gf", "vit_h_14")


def make(name, dynamo, folder):
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    network = alive(torchvision.models.get_model(name, weights=None))
    side = SIDES.get(name, 224 if name.startswith(FIXED) else 64 if name in HUGE else 128)
    fed = picture((1, 3, side, side))
    path = folder / "model.onnx"
    # Above 2 GB of weights a protobuf cannot hold them.
    options = {"external_data": name in HUGE, "verbose": False} if dynamo else {}
    torch.onnx.export(network, (fed,), str(path), dynamo=dynamo, **options)
    limits = onnxruntime.SessionOptions()
    limits.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), limits, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {session.get_inputs()[0].name: fed.numpy()})
    return {"file": path, "inputs": [fed], "outputs": outputs}


def cases():
    names = torchvision.models.list_models(module=torchvision.models)
    for name in sorted(names, key=lambda name: (HUGE.index(name) if name in HUGE else -1, name)):
        family = torchvision.models.get_model_builder(name).__module__.rsplit(".", 1)[-1]
        for exporter, dynamo in (("export", True), ("trace", False)):
            yield Case(f"{name}_{exporter}", family, lambda folder, name=name, dynamo=dynamo: make(name, dynamo, folder))


torch.set_num_threads(1)
protocol.main(cases())
