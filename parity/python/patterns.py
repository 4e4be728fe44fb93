"""Filter patterns beside PyTorch's gradients: the book's recipe, and Lucid's with the transforms that layerscope draws."""

import importlib.machinery
import importlib.util

import numpy as np
import protocol
import torch
from models import CONVOLUTIONAL, ROOT
from protocol import Case, check

SEED = 0


class Random:
    """layerscope's random numbers: ChaCha with eight rounds, a key for what is drawn, a stream for the step."""

    def __init__(self, key, stream=0):
        self.state = np.zeros(16, np.uint64)
        self.state[:4] = np.frombuffer(b"expand 32-byte k", "<u4")
        self.state[4:12] = np.frombuffer(key, "<u4")
        self.state[14:] = [stream & 0xFFFFFFFF, stream >> 32]
        self.drawn = np.zeros(0, np.uint32)

    @classmethod
    def numbered(cls, seed):
        """rand's `seed_from_u64`."""
        key = b""
        for _ in range(8):
            seed = (seed * 6364136223846793005 + 11634580027462260723) % 2**64
            word, turn = (((seed >> 18) ^ seed) >> 27) % 2**32, seed >> 59
            key += ((word >> turn | word << (32 - turn)) % 2**32).to_bytes(4, "little")
        return cls(key)

    @classmethod
    def of(cls, seed, channel, copy, purpose, step):
        return cls(b"".join(part.to_bytes(8, "little") for part in (seed, channel, copy, purpose)), step)

    def words(self, count):
        if len(self.drawn) < count:
            blocks = (count - len(self.drawn) + 15) // 16
            first = np.repeat(self.state[:, None], blocks, 1)
            first[12] += np.arange(blocks, dtype=np.uint64)
            first = first.astype(np.uint32)
            x = first.copy()
            with np.errstate(over="ignore"):
                for _ in range(4):
                    for a, b, c, d in [
                        (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                        (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
                    ]:  # fmt: skip
                        for to, by, onto, turn in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)]:
                            x[to] += x[by]
                            x[onto] ^= x[to]
                            x[onto] = x[onto] << np.uint32(turn) | x[onto] >> np.uint32(32 - turn)
                self.drawn = np.concatenate([self.drawn, (x + first).T.reshape(-1)])
            self.state[12] += np.uint64(blocks)
        taken, self.drawn = self.drawn[:count], self.drawn[count:]
        return taken

    def uniform(self, count):
        return ((self.words(count) >> np.uint32(8)) / np.float32(1 << 24)).astype(np.float32)

    def below(self, count):
        return int(self.words(1)[0]) * count >> 32

    def normal(self, count):
        pairs = self.words(count + count % 2).astype(np.float64).reshape(-1, 2)
        radius = np.sqrt(-2 * np.log(np.minimum((pairs[:, 0] + 1) / (2**32 - 1), 1)))
        angle = 2 * np.pi * pairs[:, 1] / 2**32
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32).reshape(-1)[:count]


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
        noise = Random.numbered((SEED * 1_000_003 + channel) % 2**64).uniform(3 * size * size).reshape(1, 3, size, size)
        image = torch.tensor(noise * np.float32(20) + np.float32(128))
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


def make(model, folder):
    network, file, _, _ = model.exported(folder)
    network.requires_grad_(False)
    layer = model.layers[-1]
    common = ["patterns", file, "--layer", layer, "--channels", "1-2", "--preprocess", "raw", "--no-cache"]
    return [
        check("book", layer, [*common, "--size", 64, "--steps", 10], book(network, layer, [1, 2], 64, 10)),
        check(
            "lucid",
            layer,
            [*common, "--recipe", "lucid", "--objective", "neuron", "--size", 64, "--steps", 3],
            lucid(network, layer, [1, 2], 64, 3),
        ),
    ]


if __name__ == "__main__":
    protocol.main([Case(model.name, model.family, lambda folder, model=model: make(model, folder)) for model in CONVOLUTIONAL])
