"""Captum's own time of what benches/attributions.rs times: python benches/attributions.py MODEL.pt2|ARCHITECTURE [RUNS]"""
import sys
import time

import torch
import torchvision
from captum.attr import IntegratedGradients

path, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
if path.endswith(".pt2"):
    network = torch.export.load(path).module()
else:
    network = torchvision.models.get_model(path).eval()
picture = torch.full((1, 3, 224, 224), 0.5)
method = IntegratedGradients(network)


def show(what, **settings):
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        method.attribute(picture, target=207, **settings)
        times.append(time.perf_counter() - start)
    times = sorted(times[1:])
    print(f"{what:<35} least {times[0]:6.2f} s  median {times[len(times) // 2]:6.2f} s")


show("integrated gradients, 50 steps")
show("the same in batches of 10", internal_batch_size=10)
