"""What a suite's script tells the runner, line by line on stdout; see `parity/README.md`.

    def make(folder):
        ...
        return [check("grad-cam", "layer4", ["cam", file, picture, "--layer", "layer4", "--class", 3], golden)]

    protocol.main([Case("resnet18", "convolutional", make)])

`golden` is a NumPy array or a torch tensor: what the reference makes where `layerscope ARGUMENTS --raw FILE` writes ours.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "conformance" / "python"))
import serving  # noqa: E402
from serving import Skip  # noqa: E402

__all__ = ["Case", "Skip", "check", "left_out", "main", "noise"]


@dataclass
class Case:
    """One model: `make(folder)` writes its files into the folder and gives a list of checks."""

    name: str
    family: str
    make: Callable[[pathlib.Path], list]


def check(method, about, arguments, golden, *, tolerance=1e-4, seconds=None):
    """A method of layerscope beside its reference. `arguments` is the command, its files included."""
    return {
        "method": method,
        "about": about,
        "arguments": [str(word) for word in arguments],
        "golden": golden,
        "tolerance": tolerance,
        "seconds": seconds,
    }


def left_out(method, about, why):
    """A method that cannot be compared here, or that differs on purpose."""
    return {"method": method, "about": about, "skipped": why}


def noise(seed, samples, shape):
    """The standard normal numbers that layerscope draws with `--seed`: samples×shape."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "noise.npy"
        sizes = "x".join(str(size) for size in shape)
        runner = os.environ["CONFORMANCE_RUNNER"]
        subprocess.run([runner, "noise", str(seed), str(samples), sizes, str(file)], check=True)
        return np.load(file)


def main(cases):
    serving.serve(cases, told)


def told(case, folder):
    checks = case.make(folder)
    for index, one in enumerate(checks):
        if "golden" in one:
            one["golden"] = str(saved(folder / f"golden{index}.npy", one["golden"]))
    return {"checks": checks}


def saved(path, array):
    array = array.detach().cpu().float().numpy() if hasattr(array, "detach") else np.asarray(array, np.float32)
    return serving.save(path, array)
