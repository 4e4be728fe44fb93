"""Filter patterns beside PyTorch's gradients: the book's recipe, and Lucid's with the transforms that layerscope draws; and beside
Lucent's own `render_vis`, which has Lucid's recipe right but for the transforms."""

import importlib.machinery
import importlib.util

import numpy as np
import protocol
import torch
from lucent.optvis import objectives, render
from lucent.optvis.param import color, spatial
from models import CONVOLUTIONAL, ROOT
from protocol import Case, check
from random_numbers import Random, noise_of_the_book

SEED = 0


def recipes():
    """The fixtures' script has Lucid's recipe in PyTorch; of TensorFlow it needs the name only."""
    import sys
    import types

    without = types.ModuleType("tensorflow")
    without.__spec__ = importlib.machinery.ModuleSpec("tensorflow", None)
    sys.modules.setdefault("tensorflow", without)
    file = ROOT / "tests" / "fixtures" / "make_patterns.py"
    spec = importlib.util.spec_from_file_location("make_patterns", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LUCID = recipes()


def book(network, layer, channels, size, steps):
    """The book's recipe for a network whose input is 0 to 255."""
    made = []
    for channel in channels:
        image = torch.tensor(noise_of_the_book(SEED, channel, size)[None])
        for _ in range(steps):
            image.requires_grad_()
            value = LUCID.tapped(network, layer, image)[:, channel].mean()
            (gradient,) = torch.autograd.grad(value, image)
            image = image.detach() + gradient / (gradient.square().mean().sqrt() + 1e-5)
        made.append(image)
    return torch.cat(made)


def lucid(network, layer, channels, size, steps):
    """Lucid's recipe for the values in the middle, for a network whose input is 0 to 255."""
    shape = (3, size, size // 2 + 1, 2)
    start = [Random.of(SEED, channel, 0, 1, 0).normal(int(np.prod(shape))).reshape(shape) for channel in channels]
    spectrum = torch.tensor(np.stack(start) * np.float32(0.01), requires_grad=True)
    adam = torch.optim.Adam([spectrum], lr=0.05)
    everyone = 2**64 - 1
    for step in range(steps):
        image = LUCID.colored(LUCID.fourier(spectrum, size, size))
        scale = Random.of(SEED, everyone, everyone, 3, step).below(11)
        total = 0
        for index, channel in enumerate(channels):
            random = Random.of(SEED, channel, 0, 2, step)
            first = [random.below(9), random.below(9)]
            angle = random.below(26) - 10
            last = [random.below(5), random.below(5)]
            drawn = {"first": first, "angle": 0 if angle > 10 else angle, "last": last}
            seen = LUCID.torch_transform(image[index : index + 1], drawn, scale) * 255
            output = LUCID.tapped(network, layer, seen)
            total = total + LUCID.value("neuron", output, channel).sum()
        adam.zero_grad()
        (-total).backward()
        adam.step()
    return LUCID.colored(LUCID.fourier(spectrum, size, size)).detach() * 255


def of_lucent(network, layer, channels, size, steps, objective):
    """Lucent's numbers without transforms, for a network whose input is 0 to 255."""
    made = []
    for channel in channels:
        parameters, transformed = spatial.fft_image((1, 3, size, size))
        drawn = Random.of(SEED, channel, 0, 1, 0).normal(parameters[0].numel()) * np.float32(0.01)
        parameters[0].data = torch.tensor(drawn).reshape(parameters[0].shape)
        image = color.to_valid_rgb(transformed, decorrelate=True)
        render.render_vis(
            network,
            getattr(objectives, objective)(layer.replace(".", "_"), channel),
            lambda parameters=parameters, image=image: (parameters, image),
            transforms=[lambda picture: picture * 255],
            thresholds=(steps,),
            preprocess=False,
            progress=False,
            show_image=False,
            fixed_image_size=size,
        )
        made.append(image().detach() * 255)
    return torch.cat(made)


def make(model, folder):
    network, file, _, _ = model.exported(folder)
    network.requires_grad_(False)
    layer = model.layers[-1]
    common = ["patterns", file, "--layer", layer, "--channels", "1-2", "--preprocess", "raw", "--no-cache"]
    alike = [*common, "--size", 64, "--recipe", "lucid"]
    checks = [
        check("book", layer, [*common, "--size", 64, "--steps", 10], book(network, layer, [1, 2], 64, 10)),
        check(
            "lucid",
            f"{layer}, neuron",
            [*alike, "--objective", "neuron", "--steps", 3],
            lucid(network, layer, [1, 2], 64, 3),
        ),
    ]
    for objective in ("channel", "neuron"):
        golden = of_lucent(network, layer, [1, 2], 64, 3, objective)
        plain = [*alike, "--objective", objective, "--steps", 3, "--set", "transforms=none"]
        checks.append(check("lucid", f"{layer}, {objective}, Lucent", plain, golden))
    return checks


if __name__ == "__main__":
    protocol.main([Case(model.name, model.family, lambda folder, model=model: make(model, folder)) for model in CONVOLUTIONAL])
