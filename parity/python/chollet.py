"""The chapter's three things beside Keras: activations of layers, filter patterns and Grad-CAM, on its small convnet and on VGG16."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import protocol
import tensorflow as tf
from protocol import Case, check, left_out
from random_numbers import noise_of_the_book

SEED = 0
SIZE, STEPS, COUNT = 64, 40, 3


def small_convnet():
    """The chapter's network for cats and dogs."""
    blocks = []
    for filters in [32, 64, 128, 128]:
        blocks += [keras.layers.Conv2D(filters, 3, activation="relu"), keras.layers.MaxPooling2D(2)]
    dense = [keras.layers.Dense(512, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
    return keras.Sequential([keras.Input((150, 150, 3)), *blocks, keras.layers.Flatten(), *dense])


def seeded(model):
    generator = np.random.default_rng(54)
    for variable in model.weights:
        scale = (2 / np.prod(variable.shape[:-1])) ** 0.5 if variable.name == "kernel" else 0.1
        variable.assign(generator.standard_normal(tuple(variable.shape)) * scale)
    return model


def first_channels(array):
    return np.asarray(array).transpose(0, 3, 1, 2)


def picture(side):
    """Numbers from 0 to 1, as the chapter feeds its convnet; smooth, as photographs are."""
    rough = np.random.default_rng(2).random((1, 12, 12, 3)).astype(np.float32)
    return tf.image.resize(rough, (side, side), "bicubic").numpy()


def grad_cam(model, layer, fed, index):
    """As in the chapter: the mean over channels, of the network's output as it ends."""
    both = keras.Model(model.inputs[0], [model.get_layer(layer).output, model.outputs[0]])
    with tf.GradientTape() as tape:
        activation, output = both(fed)
        score = output[:, index]
    pooled = tf.reduce_mean(tape.gradient(score, activation), axis=(0, 1, 2))
    return np.mean(activation[0].numpy() * pooled.numpy(), axis=-1)


def step_of(model, layer):
    """The chapter's step of gradient ascent for a picture and a channel, as one compiled function."""
    until = keras.Model(model.inputs[0], model.get_layer(layer).output)

    @tf.function
    def step(image, channel):
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_mean(until(image)[..., channel])
        gradient = tape.gradient(loss, image)
        return gradient / (tf.sqrt(tf.reduce_mean(tf.square(gradient))) + 1e-5)

    return step


def patterns(model, layer):
    """The patterns of a few channels by number, as in the chapter."""
    step = step_of(model, layer)

    def grown(start, channel):
        image = tf.constant(start.transpose(1, 2, 0)[None])
        for _ in range(STEPS):
            image += step(image, tf.constant(channel))
        return first_channels(image)[0]

    # Where the best of a max pooling's values changes on the way, a start that differs in its last digits ends at another picture in
    # Keras itself, which shows nothing.
    found, nudge = {}, 1e-5 * np.random.default_rng(1).standard_normal((3, SIZE, SIZE)).astype(np.float32)
    for channel in range(model.get_layer(layer).output.shape[-1]):
        start = noise_of_the_book(SEED, channel, SIZE)
        image = grown(start, channel)
        if np.abs(grown(start + nudge, channel) - image).max() <= 1e-5 * np.abs(image).max():
            found[channel] = image
        if len(found) == COUNT:
            break
    return found


def saved(model, folder, name, kind):
    file = folder / f"{name}.{kind}"
    model.save(file)
    return file


def looked_at(model, folder, kind, layers, map_layer, side, index):
    """Activations of layers, and the map of a class at one."""
    file, fed = saved(model, folder, model.name, kind), picture(side)
    np.save(folder / "input.npy", fed)
    given = [file, folder / "input.npy"]
    checks = []
    for layer in layers:
        golden = first_channels(keras.Model(model.inputs[0], model.get_layer(layer).output)(fed))
        checks.append(check("activations", layer, ["activations", *given, "--layer", layer], golden))
    words = ["cam", *given, "--layer", map_layer, "--method", "grad-cam-book", "--class", index]
    checks.append(check("grad-cam-book", f"{map_layer}, class {index}", words, grad_cam(model, map_layer, fed, index)))
    return checks


def grown(model, folder, name, layer):
    file, golden = saved(model, folder, name, "h5"), patterns(model, layer)
    if not golden:
        return left_out("book", layer, "Keras itself comes to another picture from a start that hardly differs, for every channel")
    channels = ",".join(str(channel) for channel in golden)
    words = ["patterns", file, "--layer", layer, "--channels", channels]
    words += ["--preprocess", "raw", "--no-cache", "--size", SIZE, "--steps", STEPS]
    return check("book", f"{layer}, channels {channels}", words, np.stack([*golden.values()]))


def make_small(folder, kind):
    model = seeded(small_convnet())
    layers = [layer.name for layer in model.layers if "conv" in layer.name or "pool" in layer.name]
    return looked_at(model, folder, kind, layers, layers[-2], 150, 0)


def make_vgg16(folder):
    model = seeded(keras.applications.VGG16(weights=None))
    layers = ["block1_conv1", "block3_pool", "block5_conv3"]
    checks = looked_at(model, folder, "h5", layers, "block5_conv3", 224, 386)
    model = seeded(keras.applications.VGG16(weights=None, include_top=False))
    return [*checks, grown(model, folder, "vgg16_notop", "block3_conv1")]


def cases():
    yield Case("convnet_h5", "keras", lambda folder: make_small(folder, "h5"))
    yield Case("convnet_keras", "keras", lambda folder: make_small(folder, "keras"))
    yield Case("vgg16", "keras", make_vgg16)


if __name__ == "__main__":
    protocol.main(cases())
