"""All classification models of torchvision as checkpoints of `torch.save`, random weights; no architecture is named."""

import protocol
import torch
import torchvision
from checkpoints import saved
from protocol import Case

#: Where a smaller picture than the usual one does.
SMALL, USUAL = 128, {"swin": 224, "vit_": 224, "maxvit": 224, "inception": 299}
HUGE = ("vit_l_16", "vit_l_32", "regnet_y_128gf", "vit_h_14")


def make(name, folder):
    side = next((side for start, side in USUAL.items() if name.startswith(start)), SMALL)
    quiet = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if name.startswith("swin"):
        side = torchvision.models.get_model_weights(name).DEFAULT.transforms().crop_size[0]
    return saved(lambda: torchvision.models.get_model(name, weights=None, **quiet), (2, 3, side, side), folder, None)


def cases():
    names = torchvision.models.list_models(module=torchvision.models)
    for name in sorted(names, key=lambda name: (HUGE.index(name) if name in HUGE else -1, name)):
        builder = torchvision.models.get_model_builder(name)
        yield Case(name, builder.__module__.rsplit(".", 1)[-1], lambda folder, name=name: make(name, folder))


if __name__ == "__main__":
    torch.set_num_threads(1)
    protocol.main(cases())
