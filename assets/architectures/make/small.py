"""Small networks that many people train, written for this project with the parameter names of the code that made them known."""

import torch
from torch import nn
from torch.nn import functional as F


class PaddedShortcut(nn.Module):
    """The parameter-free shortcut of the first residual networks: every other pixel, and channels of zeros on both sides."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.channels // 4, self.channels // 4))


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is stored under the name that `shortcut` gives."""

    expansion = 1

    def __init__(self, before, channels, stride, shortcut, convolve):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.name = shortcut
        self.add_module(shortcut, projection(before, channels, stride, convolve))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + getattr(self, self.name)(x))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions and a shortcut."""

    expansion = 4

    def __init__(self, before, channels, stride, shortcut, convolve):
        super().__init__()
        wide = channels * self.expansion
        self.conv1 = nn.Conv2d(before, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, wide, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide)
        self.name = shortcut
        self.add_module(shortcut, projection(before, wide, stride, convolve))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + getattr(self, self.name)(x))


def projection(before, after, stride, convolve):
    if stride == 1 and before == after:
        return nn.Sequential()
    if convolve:
        return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
    return PaddedShortcut(after)


class CifarResNet(nn.Module):
    """A residual network for pictures of 32x32: no pooling before the blocks, one pooling after them."""

    def __init__(self, block, depths, widths, shortcut, convolve, head, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        before = widths[0]
        self.stages = len(depths)
        for stage, (depth, width) in enumerate(zip(depths, widths), start=1):
            blocks = []
            for index in range(depth):
                stride = 2 if stage > 1 and index == 0 else 1
                blocks.append(block(before, width, stride, shortcut, convolve))
                before = width * block.expansion
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        self.head = head
        self.add_module(head, nn.Linear(before, num_classes))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return getattr(self, self.head)(F.adaptive_avg_pool2d(x, 1).flatten(1))


class MnistExample(nn.Module):
    """The network of PyTorch's MNIST example."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, num_classes)

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        x = F.relu(self.fc1(F.max_pool2d(x, 2).flatten(1)))
        return F.log_softmax(self.fc2(x), dim=1)


class CifarTutorial(nn.Module):
    """The network of PyTorch's tutorial 'Training a classifier'."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x))).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def thin(depth, shortcut, convolve, head):
    """The CIFAR ResNets of the paper: three stages of 16, 32 and 64 channels."""
    return lambda num_classes=10: CifarResNet(
        Block, [(depth - 2) // 6] * 3, [16, 32, 64], shortcut, convolve, head, num_classes
    )


def wide(block, depths):
    """The ImageNet ResNets' stages on pictures of 32x32."""
    return lambda num_classes=10: CifarResNet(block, depths, [64, 128, 256, 512], "shortcut", True, "linear", num_classes)
