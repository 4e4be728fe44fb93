"""What a suite's script tells the runner, line by line on stdout; see `parity/README.md`.

    def make(folder):
        ...
        return [check("grad-cam", "layer4", ["cam", file, picture, "--layer", "layer4", "--class", 3], golden)]

    protocol.main([Case("resnet18", "convolutional", make)])

`golden` is a NumPy array or a torch tensor: what the reference makes where `layerscope ARGUMENTS --raw FILE` writes ours.
"""

import pathlib
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "conformance" / "python"))
import serving  # noqa: E402
from serving import Skip  # noqa: E402

__all__ = ["Case", "Skip", "check", "left_out", "main"]


@dataclass
class Case:
    """One model: `make(folder)` writes its files into the folder and gives a list of checks."""

    name: str
    family: str
    make: Callable[[pathlib.Path], list]


def check(method, about, arguments, golden, *, at=None, tolerance=1e-4, seconds=None):
    """A method of layerscope beside its reference. `arguments` is the command, its files included. `at` are JSON pointers to the numbers
    that are compared, where they stand in the document that the command prints and not in the file that it writes."""
    return {
        "method": method,
        "about": about,
        "arguments": [str(word) for word in arguments],
        "golden": golden,
        "at": at or [],
        "tolerance": tolerance,
        "seconds": seconds,
    }


def left_out(method, about, why):
    """A method that cannot be compared here, or that differs on purpose."""
    return {"method": method, "about": about, "skipped": why}


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
