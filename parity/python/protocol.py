"""What a suite's script tells the runner, line by line on stdout; see `parity/README.md`.

    def make(folder):
        ...
        return [check("grad-cam", "layer4", ["cam", file, picture, "--layer", "layer4", "--class", 3], golden)]

    protocol.main([Case("resnet18", "convolutional", make)])

`golden` is a NumPy array or a torch tensor: what the reference makes where `layerscope ARGUMENTS --raw FILE` writes ours.
"""

import argparse
import gc
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass
class Case:
    """One model: `make(folder)` writes its files into the folder and gives a list of checks."""

    name: str
    family: str
    make: Callable[[pathlib.Path], list]


class Skip(Exception):
    """Raised by `make`: the case is left out, for this reason."""


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
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--folder", type=pathlib.Path, help="where the files of a case go")
    parser.add_argument("--only", help="a regular expression that the name or the family matches")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--after", help="begin behind the case of this name")
    options = parser.parse_args()
    # Whatever packages print goes to stderr: stdout is the protocol's.
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(**line):
        lines.write(json.dumps(line) + "\n")
        lines.flush()

    waiting = options.after
    for case in cases:
        if options.only and not (re.search(options.only, case.name) or re.search(options.only, case.family)):
            continue
        if options.list:
            tell(name=case.name, family=case.family)
            continue
        if waiting is not None:
            waiting = None if case.name == waiting else waiting
            continue
        tell(making=case.name)
        tell(name=case.name, family=case.family, **made(case, options.folder))
        gc.collect()
        if sys.stdin.readline().strip() != "next":
            break


def made(case, folder):
    try:
        checks = case.make(folder)
        for index, one in enumerate(checks):
            if "golden" in one:
                one["golden"] = str(saved(folder / f"golden{index}.npy", one["golden"]))
        return {"checks": checks}
    except Skip as reason:
        return {"skipped": str(reason)}
    except Exception as error:
        traceback.print_exc()
        lines = str(error).strip().splitlines() or [""]
        return {"skipped": f"the peer cannot make it: {type(error).__name__}: {lines[0][:160]}"}


def saved(path, array):
    array = array.detach().cpu().float().numpy() if hasattr(array, "detach") else np.asarray(array, np.float32)
    # ascontiguousarray alone would give a number a dimension.
    np.save(path, np.ascontiguousarray(array).reshape(array.shape))
    return path
