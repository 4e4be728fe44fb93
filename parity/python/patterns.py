"""Filter patterns beside PyTorch's gradients: the book's recipe, and Lucid's with the transforms that layerscope draws; and beside
Lucent's own `render_vis`, which has Lucid's recipe right but for the transforms."""

import functools
import importlib.machinery
import importlib.util

import numpy as np
import protocol
import torch
from lucent.optvis import objectives, render
from lucent.optvis.param import color, spatial
from models import CONVOLUTIONAL, DOUBLE, ROOT
from protocol import Case, check, left_out
from random_numbers import Random, noise_of_the_book

SEED = 0
SIZE = 64
# So many channels of the first few are compared.
COUNT, CHANNELS = 2, 12
# Starts that differ by so much more than what rounding to single precision makes of them are to come to the same.
NUDGES = 5


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
PREPARED = "mean=127:127:127,std=128:128:128"


def fed(picture):
    """What the network is fed of grey levels."""
    return ((picture - 127) / 128).double()


def book(network, layer, channel, size, steps, nudge):
    """The book's recipe: from 128 levels and some more above zero in the network's input space, by steps of a level there."""
    image = torch.tensor(noise_of_the_book(SEED, channel, size)[None] / 128) * (1 + nudge * torch.randn(1, 3, size, size))
    for _ in range(steps):
        image.requires_grad_()
        value = LUCID.tapped(network, layer, image.double())[:, channel].mean()
        (gradient,) = torch.autograd.grad(value, image)
        image = image.detach() + gradient / (gradient.square().mean().sqrt() + 1e-5) / 128
    return image


def start(channel, size, nudge):
    """Fourier coefficients."""
    shape = (1, 3, size, size // 2 + 1, 2)
    drawn = Random.of(SEED, channel, 0, 1, 0).normal(int(np.prod(shape))).reshape(shape)
    return torch.tensor(drawn * np.float32(0.01)) * (1 + nudge * torch.randn(shape))


def lucid(network, layer, channel, size, steps, nudge):
    """Lucid's recipe for the values in the middle; none where a ReLU lets nothing through, which layerscope wakes as Lucid does."""
    spectrum = start(channel, size, nudge).requires_grad_()
    adam = torch.optim.Adam([spectrum], lr=0.05)
    everyone = 2**64 - 1
    for step in range(steps):
        image = LUCID.colored(LUCID.fourier(spectrum, size, size))
        scale = Random.of(SEED, everyone, everyone, 3, step).below(11)
        random = Random.of(SEED, channel, 0, 2, step)
        first = [random.below(9), random.below(9)]
        angle = random.below(26) - 10
        last = [random.below(5), random.below(5)]
        drawn = {"first": first, "angle": 0 if angle > 10 else angle, "last": last}
        seen = LUCID.torch_transform(image, drawn, scale) * 255
        value = LUCID.value("neuron", LUCID.tapped(network, layer, fed(seen)), channel).sum()
        if value == 0:
            return None
        adam.zero_grad()
        (-value).backward()
        adam.step()
    return fed(LUCID.colored(LUCID.fourier(spectrum, size, size)).detach() * 255)


def of_lucent(objective):
    """Lucent's own loop, without transforms."""

    def grow(network, layer, channel, size, steps, nudge):
        parameters, transformed = spatial.fft_image((1, 3, size, size))
        parameters[0].data = start(channel, size, nudge)
        image = color.to_valid_rgb(transformed, decorrelate=True)
        if steps:
            render.render_vis(
                network,
                getattr(objectives, objective)(layer.replace(".", "_"), channel),
                lambda: (parameters, image),
                transforms=[lambda picture: fed(picture * 255)],
                thresholds=(steps,),
                preprocess=False,
                progress=False,
                show_image=False,
                fixed_image_size=size,
            )
        return fed(image().detach() * 255)

    return grow


def comparable(grow, nudge, channels):
    """Patterns of a few channels by number: of those that the layer answers to at every step, where the reference itself comes to the
    same from starts that differ by `nudge`. Elsewhere a ReLU or a maximum changes on the way, or Adam, whose first step has the
    gradient's sign alone, goes the other way where it is nearly zero."""
    found = {}
    for channel in channels:
        made = grow(channel, nudge=0.0)
        if made is None:
            continue
        most = made.abs().max()
        again = (grow(channel, nudge=nudge) for _ in range(NUDGES))
        settled = all(image is not None and (image - made).abs().max() <= 5e-5 * most for image in again)
        moved = (grow(channel, nudge=0.0, steps=0) - made).abs().max() >= 1e-3 * most
        if settled and moved:
            found[channel] = made
        if len(found) == COUNT:
            break
    return found


def make(model, folder):
    network, file, _, _ = model.exported(folder)
    # Patterns themselves are numbers of single precision.
    network.requires_grad_(False)
    layer = model.layers[-1]
    torch.manual_seed(0)
    lucids = ["--recipe", "lucid", "--objective"]
    plans = [
        ("book", "", book, 5, 1e-6, []),
        ("lucid", "neuron", lucid, 3, 1e-5, [*lucids, "neuron"]),
        ("lucid", "channel, Lucent", of_lucent("channel"), 3, 1e-5, [*lucids, "channel", "--set", "transforms=none"]),
        ("lucid", "neuron, Lucent", of_lucent("neuron"), 3, 1e-5, [*lucids, "neuron", "--set", "transforms=none"]),
    ]
    checks = []
    for method, about, grow, steps, nudge, words in plans:
        found = comparable(functools.partial(plan(grow, steps), network, layer), nudge, range(CHANNELS))
        numbers = ",".join(str(channel) for channel in found)
        about = f"{layer} {numbers} {about}".strip()
        if not found:
            checks.append(left_out(method, about, f"the reference itself comes to another picture from a start that differs by {nudge}, for every channel tried"))
            continue
        command = ["patterns", file, "--layer", layer, "--channels", numbers, "--preprocess", PREPARED, "--no-cache", *DOUBLE]
        checks.append(check(method, about, [*command, "--size", SIZE, "--steps", steps, *words], torch.cat([*found.values()])))
    return checks


def plan(grow, usual):
    return lambda network, layer, channel, nudge, steps=usual: grow(network, layer, channel, SIZE, steps, nudge)


if __name__ == "__main__":
    torch.set_num_threads(1)
    protocol.main([Case(model.name, model.family, lambda folder, model=model: make(model, folder)) for model in CONVOLUTIONAL])
