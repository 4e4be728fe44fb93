"""The talk of a suite's script with the runner, whatever it is that the suite compares: a line of JSON on stdout for each case, and
the word "next" back. `conformance/README.md` says what a line holds.
"""

import argparse
import gc
import json
import os
import pathlib
import re
import sys
import traceback

import numpy as np


class Skip(Exception):
    """Raised by a case's `make`: it is left out, for this reason."""


def serve(cases, told):
    """Tells the runner of each case what `told(case, folder)` says of it."""
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
        tell(**about, **made(told, case, options.folder))
        gc.collect()
        if sys.stdin.readline().strip() != "next":
            break


def made(told, case, folder):
    try:
        return told(case, folder)
    except Skip as reason:
        return {"skipped": str(reason)}
    except Exception as error:
        traceback.print_exc()
        lines = str(error).strip().splitlines() or [""]
        return {"skipped": f"the peer cannot make it: {type(error).__name__}: {lines[0][:160]}"}


def save(path, array):
    # ascontiguousarray alone would give a number a dimension.
    np.save(path, np.ascontiguousarray(array).reshape(array.shape))
    return path
