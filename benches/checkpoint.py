"""The peer of checkpoint.rs: `python checkpoint.py FILE` loads it with torch.load or safetensors."""

import sys
import time

import torch
from safetensors.torch import load_file


def status(key):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


file = sys.argv[1]
torch.zeros(1)
before = status("VmRSS")
start = time.perf_counter()
state = load_file(file) if file.endswith(".safetensors") else torch.load(file, weights_only=True)
taken = time.perf_counter() - start
print(f"{file}: {len(state)} tensors in {taken * 1e3:.0f} ms, peak {(status('VmHWM') - before) / 1e6:.0f} MB")
