"""What a suite's script tells the runner, line by line on stdout; see `conformance/README.md`.

A script names its cases and how each is made:

    def cases():
        yield Case("resnet18", "resnet", lambda folder: {"file": ..., "inputs": [...], "outputs": [...]})

    protocol.main(cases())

`inputs` and `outputs` are NumPy arrays or torch tensors; they are saved here.
"""

import pathlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import serving
from serving import Skip

__all__ = ["Case", "Skip", "main"]


@dataclass
class Case:
    """One model: `make(folder)` writes its file into the folder and gives `file`, `inputs`, `outputs`, perhaps
    `architecture` and `peer` (seconds: {"load": …, "run": …})."""

    name: str
    family: str
    make: Callable[[pathlib.Path], dict]


def main(cases):
    serving.serve(cases, told)


def told(case, folder):
    made = case.make(folder)
    made["file"] = str(made["file"])
    for kind in ("inputs", "outputs"):
        made[kind] = [str(saved(folder / f"{kind}{index}.npy", array)) for index, array in enumerate(made[kind])]
    return made


def saved(path, array):
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        if array.is_floating_point() and array.element_size() < 4:
            array = array.float()
        array = array.numpy()
    array = np.asarray(array)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    return serving.save(path, array)
