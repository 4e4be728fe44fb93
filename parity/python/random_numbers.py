"""The random numbers that layerscope draws."""

import math

import numpy as np


class Random:
    """ChaCha with eight rounds: a key for what is drawn, a stream for the step or the sample."""

    def __init__(self, key, stream=0):
        self.state = np.zeros(16, np.uint64)
        self.state[:4] = np.frombuffer(b"expand 32-byte k", "<u4")
        self.state[4:12] = np.frombuffer(key, "<u4")
        self.state[14:] = [stream & 0xFFFFFFFF, stream >> 32]
        self.drawn = np.zeros(0, np.uint32)

    @classmethod
    def numbered(cls, seed, stream=0):
        """rand's `seed_from_u64`."""
        key = b""
        for _ in range(8):
            seed = (seed * 6364136223846793005 + 11634580027462260723) % 2**64
            word, turn = (((seed >> 18) ^ seed) >> 27) % 2**32, seed >> 59
            key += ((word >> turn | word << (32 - turn)) % 2**32).to_bytes(4, "little")
        return cls(key, stream)

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

    def normal_of_a_method(self, count):
        words = self.words(2 * (count + count % 2)).astype(np.uint64).reshape(-1, 2)
        unit = (((words[:, 1] << np.uint64(32)) | words[:, 0]) >> np.uint64(11)).astype(np.float64) / 2**53
        pairs = unit.reshape(-1, 2)
        radius, angle = np.sqrt(-2 * np.log(1 - pairs[:, 0])), 2 * np.pi * pairs[:, 1]
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32).reshape(-1)[:count]


def uniform(seed, samples, shape, first=0):
    """What a method draws with `--seed`: samples×shape numbers of 0 to 1; `first` is the first sample's number."""
    each = [Random.numbered(seed, first + sample).uniform(math.prod(shape)) for sample in range(samples)]
    return np.stack(each).reshape(samples, *shape)


def normal(seed, samples, shape, first=0):
    """The same, standard normal: of twice as many bits than a pattern's, which starts from thousands of numbers at every step."""
    each = [Random.numbered(seed, first + sample).normal_of_a_method(math.prod(shape)) for sample in range(samples)]
    return np.stack(each).reshape(samples, *shape)


def noise_of_the_book(seed, channel, size):
    """What the book's recipe starts from, 3×size×size: 128 and up to 20 more."""
    uniform = Random.numbered((seed * 1_000_003 + channel) % 2**64).uniform(3 * size * size)
    return uniform.reshape(3, size, size) * np.float32(20) + np.float32(128)
