"""Random networks that are alive in every layer, and their exported programs: what the `*_pt2` suites share."""

import time

import torch


def alive(network, seed=0):
    """Gives every parameter that starts as a constant (scales, biases, layer scales of 1e-6, zero-initialised ends) and all
    running statistics random numbers, so that every branch reaches the output."""
    generator = torch.Generator().manual_seed(seed)

    def noise(like):
        return torch.randn(like.shape, generator=generator, dtype=torch.float32).to(like.dtype)

    with torch.no_grad():
        for name, value in [*network.named_parameters(), *network.named_buffers()]:
            last = name.rsplit(".", 1)[-1]
            if last == "running_mean":
                value.copy_(0.1 * noise(value))
            elif last == "running_var":
                value.copy_(0.5 + 0.5 * noise(value).abs())
            elif not isinstance(value, torch.nn.Parameter) or not value.is_floating_point() or value.numel() == 0:
                continue
            elif bool((value == value.flatten()[0]).all()):
                first = float(value.flatten()[0])
                # A matrix of zeros is an end that was meant to begin silent; a vector of them a bias.
                spread = 0.1 if abs(first) >= 0.1 else 0.1 / max(value[0].numel(), 1) ** 0.5 if value.dim() > 1 else 0.05
                value.copy_((first if abs(first) >= 0.1 else 0.0) + spread * noise(value))
                if 0 < abs(first) < 0.1:
                    value.copy_(0.1 + value.abs())
    return network.eval()


def flat(outputs):
    """The tensors among a network's outputs, in order."""
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    if isinstance(outputs, dict):
        outputs = outputs.values()
    if isinstance(outputs, (list, tuple)) or not isinstance(outputs, (str, int, float, type(None))):
        return [tensor for item in outputs for tensor in flat(item)]
    return []


def picture(shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def exported(network, inputs, path, **options):
    """Exports the network, runs it, and says both as a case."""
    with torch.no_grad():
        program = torch.export.export(network, tuple(inputs), **options)
        torch.export.save(program, path)
        fresh = [tensor.clone() for tensor in inputs]
        start = time.perf_counter()
        outputs = network(*fresh)
        seconds = time.perf_counter() - start
    return {"file": path, "inputs": inputs, "outputs": flat(outputs), "peer": {"run": seconds}}
