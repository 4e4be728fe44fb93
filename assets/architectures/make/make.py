"""Makes layerscope's known architectures: `python make.py WORK [--only PATTERN,...] [--pack FOLDER]`.

Each architecture of the catalogue is exported into the folder WORK, in a process of its own, unless it is there already;
`--pack` then makes the archive of all that are there.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import export
import pack
import torch
from catalogue import catalogue


def in_a_process_of_its_own(architecture, work, seconds):
    """A child that takes its memory with it; gives its process number."""
    child = os.fork()
    if child:
        return child
    try:
        began = time.time()
        export.save(architecture, work, seconds)
        print(f"{architecture.key}: {time.time() - began:.0f} s", flush=True)
        os._exit(0)
    except BaseException as error:
        print(f"{architecture.key}: FAILED {type(error).__name__}: {str(error).splitlines()[:1]}", flush=True)
        os._exit(1)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("work", type=Path)
    arguments.add_argument("--only", default="*", help="patterns of SOURCE/NAME, with commas between")
    arguments.add_argument("--pack", type=Path, help="write architectures.zip into this folder")
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--seconds", type=int, default=45,
                           help="most for an export for any height and width, before one for the usual size is made")
    arguments = arguments.parse_args()
    torch.set_num_threads(1)
    try:
        from timm.layers import set_fused_attn
        set_fused_attn(False)
    except ImportError:
        sys.exit("timm is missing")
    wanted = list(catalogue(arguments.only))
    missing = [it for it in wanted if not (arguments.work / it.source / f"{it.name}.json").is_file()]
    print(f"{len(wanted)} architectures, {len(missing)} to export", flush=True)
    running = set()
    for architecture in missing:
        if len(running) >= arguments.processes:
            running.discard(os.wait()[0])
        running.add(in_a_process_of_its_own(architecture, arguments.work, arguments.seconds))
    while running:
        running.discard(os.wait()[0])
    if arguments.pack:
        pack.pack(wanted, arguments.work, arguments.pack)


if __name__ == "__main__":
    main()
