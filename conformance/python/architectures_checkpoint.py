"""layerscope's known architectures but torchvision's as checkpoints, random weights, another number of classes than the
published ones; each is named, for some have the same tensors."""

import sys
from pathlib import Path

import protocol
import torch
from checkpoints import saved
from protocol import Case

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "assets/architectures/make"))

from catalogue import catalogue  # noqa: E402

CLASSES = 11


def make(architecture, folder):
    # Two pictures of the usual size: some graphs hold for no other.
    return saved(lambda: architecture.make(num_classes=CLASSES), (2, *architecture.input), folder, architecture.key)


def cases():
    for architecture in catalogue():
        if architecture.source != "torchvision":
            yield Case(
                architecture.key, architecture.source, lambda folder, architecture=architecture: make(architecture, folder)
            )


if __name__ == "__main__":
    torch.set_num_threads(1)
    protocol.main(cases())
