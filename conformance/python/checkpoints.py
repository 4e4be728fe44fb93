"""A random network as a checkpoint: what the `*_checkpoint` suites share."""

import time

import torch
from programs import alive, flat, picture


def saved(make, shape, folder, architecture):
    """Makes the network, saves its weights alone, runs it, and says both as a case."""
    torch.manual_seed(0)
    network = alive(make())
    path = folder / f"{architecture.replace('/', '_') if architecture else 'weights'}.pth"
    torch.save(network.state_dict(), path)
    inputs = [picture(shape)]
    with torch.no_grad():
        start = time.perf_counter()
        outputs = network(*[tensor.clone() for tensor in inputs])
        seconds = time.perf_counter() - start
    return {
        "file": path,
        "architecture": architecture,
        "inputs": inputs,
        "outputs": flat(outputs),
        "peer": {"run": seconds},
    }
