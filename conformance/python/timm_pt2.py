"""timm's architectures as exported programs, random weights: the smallest of every module of `timm.models`.

They are listed in `timm_pt2.txt`, which `timm_pt2.py --choose > timm_pt2.txt` writes anew.
"""

import itertools
import pathlib
import sys

import protocol
import timm
import torch
from programs import alive, exported, picture
from protocol import Case

LIST = pathlib.Path(__file__).with_suffix(".txt")
# Architectures of each module, smallest first. One that is as large as the one before is mostly the same network again.
EACH = 4
# Where the picture may be smaller than the one that the weights were trained on.
SIDE = 128


def size(name):
    """Number of parameters, without making any."""
    try:
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in timm.create_model(name).parameters())
    except Exception:
        # What cannot be made without numbers comes last.
        return float("inf")


def choose():
    """The smallest architecture of every module, then the second smallest, and so on."""
    modules = {}
    for name in timm.list_models():
        module = timm.models.model_entrypoint(name).__module__.rsplit(".", 1)[-1]
        modules.setdefault(module, {}).setdefault(size(name), name)
    chosen = [[(module, sizes[key]) for key in sorted(sizes)[:EACH]] for module, sizes in sorted(modules.items())]
    for row in itertools.zip_longest(*chosen):
        yield from filter(None, row)


def make(name, folder):
    torch.manual_seed(0)
    network = alive(timm.create_model(name, pretrained=False))
    channels, height, width = network.default_cfg.get("input_size", (3, 224, 224))
    last = None
    for side in [(min(SIDE, height), min(SIDE, width)), (height, width)]:
        try:
            return exported(network, [picture((1, channels, *side))], folder / "model.pt2")
        except Exception as error:
            last = error
    raise last


def cases():
    for line in LIST.read_text().splitlines():
        family, name = line.split()
        yield Case(name, family, lambda folder, name=name: make(name, folder))


if sys.argv[1:] == ["--choose"]:
    for family, name in choose():
        print(family, name)
else:
    torch.set_num_threads(1)
    protocol.main(cases())
