"""All classification models of torchvision as exported programs, random weights."""

import protocol
import torch
import torchvision
from programs import alive, exported, picture
from protocol import Case

# Where a smaller picture than 224 does. What holds a position for each patch wants its own size.
SIDES = {"inception_v3": 128, "vit_h_14": 224, "maxvit_t": 224}
FIXED = ("vit_", "maxvit_")
# Above half a gigabyte of weights: at the end, and smaller still.
HUGE = ("vit_l_16", "vit_l_32", "regnet_y_128gf", "vit_h_14")


def make(name, folder):
    torch.manual_seed(0)
    network = alive(torchvision.models.get_model(name, weights=None))
    side = SIDES.get(name, 224 if name.startswith(FIXED) else 64 if name in HUGE else 128)
    return exported(network, [picture((1, 3, side, side))], folder / "model.pt2")


def cases():
    names = torchvision.models.list_models(module=torchvision.models)
    for name in sorted(names, key=lambda name: (HUGE.index(name) if name in HUGE else -1, name)):
        builder = torchvision.models.get_model_builder(name)
        yield Case(name, builder.__module__.rsplit(".", 1)[-1], lambda folder, name=name: make(name, folder))


torch.set_num_threads(1)
protocol.main(cases())
