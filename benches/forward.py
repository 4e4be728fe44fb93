"""PyTorch's own times of what benches/forward.rs times: python benches/forward.py MODEL.pt2 [RUNS]"""
import sys
import time

import torch


def show(what, runs, work):
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    print(f"{what:<34} least {times[0]:8.2f} ms  median {times[len(times) // 2]:8.2f} ms")


path, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10
show("load", 3, lambda: torch.export.load(path))
model = torch.export.load(path).module()
picture = torch.zeros(1, 3, 224, 224)
with torch.no_grad():
    show("forward", runs, lambda: model(picture))
