"""Keras's and PyTorch's own times of what benches/patterns.rs times: python benches/patterns.py VGG16.h5 LAYER [CHANNELS [STEPS [RUNS]]]

Keras as in the book: one pattern after the other, for each a new function that gives loss and gradient, a step outside it; and
with one compiled function for all. PyTorch: 16 and 64 patterns at once, in both memory formats, weights without gradients,
nothing behind the layer, channels read by one gather. It needs a Keras file of VGG16, whose weights all are given.
"""

import multiprocessing
import pathlib
import sys
import time

import numpy as np

path, layer = sys.argv[1:3]
channels, steps, runs = ([int(word) for word in sys.argv[3:]] + [64, 40, 3][len(sys.argv) - 3 :])[:3]
PLAN = [2, 2, 3, 3, 3]


def show(what, runs, work):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    print(f"{what}: {channels} patterns of 64 px, {steps} steps: least {min(times):.2f} s  median {sorted(times)[len(times) // 2]:.2f} s", flush=True)


def of_pytorch():
    import h5py
    import torch
    from torch import nn

    weights = h5py.File(path)["model_weights"]
    found = []
    for block, count in enumerate(PLAN, 1):
        for index in range(1, count + 1):
            name = f"block{block}_conv{index}"
            arrays = {}
            weights[name].visititems(lambda key, item: arrays.update({key.split("/")[-1].split(":")[0]: item[()]}) if hasattr(item, "shape") else None)
            kernel, bias = arrays["kernel"], arrays["bias"]
            conv = nn.Conv2d(kernel.shape[2], kernel.shape[3], 3, padding=1)
            conv.weight.data = torch.tensor(kernel).permute(3, 2, 0, 1).contiguous()
            conv.bias.data = torch.tensor(bias)
            found += [conv, nn.ReLU(inplace=True)]
            if name == layer:
                network = nn.Sequential(*found).requires_grad_(False)
                return torch, network
        found.append(nn.MaxPool2d(2))
    raise SystemExit(f"VGG16 has no layer {layer}")


def pytorch():
    torch, network = of_pytorch()

    def grow(batch, layout):
        for first in range(0, channels, batch):
            wanted = torch.arange(first, min(first + batch, channels))[:, None]
            images = 128 + 20 * torch.rand(len(wanted), 3, 64, 64)
            for _ in range(steps):
                images = images.to(memory_format=layout).requires_grad_(True)
                value = network(images).mean((2, 3)).gather(1, wanted).sum()
                (gradient,) = torch.autograd.grad(value, images)
                root = gradient.square().mean((1, 2, 3), keepdim=True).sqrt()
                images = images.detach() + gradient / (root + 1e-5)

    for name, layout in (("", torch.contiguous_format), (", channels last", torch.channels_last)):
        network = network.to(memory_format=layout)
        for batch in (16, 64):
            grow(batch, layout)
            show(f"PyTorch, {batch} at once{name}", runs, lambda: grow(batch, layout))


def keras_of_the_book():
    """Graph mode, as the chapter has it: loss, gradient and function are made anew for every channel."""
    import tensorflow as tf
    import tf_keras

    tf.compat.v1.disable_eager_execution()
    network = tf_keras.applications.VGG16(weights=None, include_top=False)
    network.load_weights(path)
    backend = tf_keras.backend

    def grow(count=channels, steps=steps):
        for channel in range(count):
            loss = backend.mean(network.get_layer(layer).output[:, :, :, channel])
            gradient = backend.gradients(loss, network.input)[0]
            gradient /= backend.sqrt(backend.mean(backend.square(gradient))) + 1e-5
            both = backend.function([network.input], [loss, gradient])
            image = np.random.random((1, 64, 64, 3)) * 20 + 128.0
            for _ in range(steps):
                image += both([image])[1]

    grow(1, 2)
    show("Keras, as in the book", 1, grow)


def keras_compiled():
    """One compiled function for all channels, which the chapter does not have."""
    sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "parity" / "python"))
    import chollet
    import keras
    import tensorflow as tf

    # For pictures of any size.
    whole = keras.applications.VGG16(weights=None, include_top=False)
    whole.set_weights(keras.models.load_model(path).get_weights())
    step = chollet.step_of(whole, layer)

    def grow(count=channels, steps=steps):
        for channel in range(count):
            image = (np.random.random((1, 64, 64, 3)) * 20 + 128.0).astype(np.float32)
            for _ in range(steps):
                image += step(tf.constant(image), tf.constant(channel)).numpy()

    grow(1, 2)
    show("Keras, one compiled function", runs, grow)


if __name__ == "__main__":
    # Each in a process of its own: graph mode is chosen when TensorFlow starts.
    for peer in (pytorch, keras_compiled, keras_of_the_book):
        process = multiprocessing.get_context("spawn").Process(target=peer)
        process.start()
        process.join()
