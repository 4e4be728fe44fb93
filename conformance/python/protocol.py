"""What a suite's script tells the runner, line by line on stdout; see `conformance/README.md`.

A script names its cases and how each is made:

    def cases():
        yield Case("resnet18", "resnet", lambda folder: {"file": ..., "inputs": [...], "outputs": [...]})

    protocol.main(cases())

`inputs` and `outputs` are NumPy arrays or torch tensors; they are saved here.
"""

import argparse
import gc
import json
import os
import pathlib
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass
class Case:
    """One model: `make(folder)` writes its file into the folder and gives `file`, `inputs`, `outputs`, perhaps
    `architecture` and `peer` (seconds: {"load": …, "run": …})."""

    name: str
    family: str
    make: Callable[[pathlib.Path], dict]


class Skip(Exception):
    """Raised by `make`: the case is left out, for this reason."""


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
        about = {"name": case.name, "family": case.family, "suite": pathlib.Path(sys.argv[0]).stem}
        tell(**about, **made(case, options.folder))
        gc.collect()
        if sys.stdin.readline().strip() != "next":
            break


def made(case, folder):
    try:
        told = case.make(folder)
        told["file"] = str(told["file"])
        for kind in ("inputs", "outputs"):
            told[kind] = [str(saved(folder / f"{kind}{index}.npy", array)) for index, array in enumerate(told[kind])]
        return told
    except Skip as reason:
        return {"skipped": str(reason)}
    except Exception as error:
        traceback.print_exc()
        lines = str(error).strip().splitlines() or [""]
        return {"skipped": f"the peer cannot make it: {type(error).__name__}: {lines[0][:160]}"}


def saved(path, array):
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        if array.is_floating_point() and array.element_size() < 4:
            array = array.float()
        array = array.numpy()
    array = np.asarray(array)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    # ascontiguousarray alone would give a number a dimension.
    np.save(path, np.ascontiguousarray(array).reshape(array.shape))
    return path
