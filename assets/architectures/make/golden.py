"""Golden numbers for tests/architectures.rs: `python golden.py FILE`.

A few architectures with weights that a formula gives, so that the test needs no checkpoint: what the models' own packages make
of them on a picture of the same formula.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from catalogue import catalogue

#: Architecture, a layer whose activation is kept, side of the picture.
WANTED = [
    ("cifar/cifar_resnet20", "layer2", None),
    ("examples/mnist_example", "conv2", None),
    ("torchvision/resnet18", "layer4.1.conv2", 96),
    ("torchvision/mobilenet_v3_small", "features.4", 128),
    ("torchvision/swin_t", "features.5.1.attn", None),
    ("timm/vit_tiny_patch16_224", "blocks.5.mlp.fc1", None),
    ("timm/swinv2_tiny_window8_256", "layers.1.blocks.0.attn.proj", None),
]


def numbers(count, seed):
    """`count` numbers between -1 and 1: a hash of 32 bits of each index."""
    state = np.arange(count, dtype=np.uint64) + np.uint64(seed) * np.uint64(0x9E3779B9)
    state = state.astype(np.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        state ^= state >> np.uint32(shift)
        state = (state.astype(np.uint64) * np.uint64(factor)).astype(np.uint32)
    state ^= state >> np.uint32(16)
    return state.astype(np.float64) / 2.0**31 - 1.0


def weight(name, shape, seed):
    """A tensor of moderate numbers, by what its name says it is."""
    count = int(np.prod(shape))
    plain = numbers(count, seed)
    if name.endswith("running_var"):
        values = 1.0 + 0.5 * plain
    elif len(shape) > 1:
        values = plain * (3.0 / (count // shape[0])) ** 0.5
    elif name.endswith("weight"):
        values = 1.0 + 0.2 * plain
    else:
        values = 0.1 * plain
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def some(tensor):
    """Sixteen numbers, evenly spread over a tensor, and the sum of all magnitudes."""
    flat = tensor.detach().contiguous().view(-1).double()
    return {"values": flat[:: max(len(flat) // 16, 1)][:16].tolist(), "sum": flat.abs().sum().item(), "shape": list(tensor.shape)}


def golden(architecture, layer, side):
    network = architecture.make(num_classes=architecture.classes).eval()
    state = network.state_dict()
    tensors = []
    for seed, (name, tensor) in enumerate(state.items()):
        if tensor.is_floating_point():
            tensors.append([name, list(tensor.shape), seed])
            state[name] = weight(name, tensor.shape, seed)
    network.load_state_dict(state)
    channels, height, width = architecture.input
    shape = (2, channels, side or height, side or width)
    picture = torch.from_numpy(numbers(int(np.prod(shape)), 1000).astype(np.float32).reshape(shape)).requires_grad_()
    kept = {}
    # In-place layers after it would change what is kept.
    network.get_submodule(layer).register_forward_hook(lambda module, given, made: kept.update(made=made.clone()))
    outputs = network(picture)
    (gradient,) = torch.autograd.grad(outputs[:, 3].sum(), picture)
    return {
        "name": architecture.key, "tensors": tensors, "input": list(shape), "layer": layer,
        "output": some(outputs), "activation": some(kept["made"]), "gradient": some(gradient),
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("file", type=Path)
    arguments = arguments.parse_args()
    known = {it.key: it for it in catalogue(",".join(name for name, _, _ in WANTED))}
    rows = [golden(known[name], layer, side) for name, layer, side in WANTED]
    arguments.file.write_text("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
