"""All of keras.applications as Keras 3 and Keras 2 (tf_keras) save them, as HDF5 and as `.keras` archives.

Weights are random from a fixed seed, running statistics too, so that a wrong axis or epsilon shows.
"""

import functools
import inspect
import os
import re

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
# oneDNN reorders sums; the plain kernels are the reference.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
import protocol
import tf_keras
from protocol import Case

GENERATIONS = {"3": keras, "2": tf_keras}

# About in order of size: what is large comes last.
ORDER = """
MobileNetV3Small MobileNet MobileNetV2 MobileNetV3Large EfficientNetB0 NASNetMobile EfficientNetV2B0 DenseNet121 RegNetX002
RegNetY002 RegNetX004 RegNetY004 RegNetX006 RegNetY006 RegNetX008 RegNetY008 RegNetX016 RegNetY016
EfficientNetB1 EfficientNetV2B1 EfficientNetB2 EfficientNetV2B2 EfficientNetB3 DenseNet169 EfficientNetV2B3 RegNetX032 RegNetY032
EfficientNetB4 DenseNet201 Xception InceptionV3 EfficientNetV2S RegNetX040 RegNetY040 ResNet50 ResNet50V2 ConvNeXtTiny
EfficientNetB5 ResNetRS50 RegNetX064 RegNetY064 RegNetX080 RegNetY080 ResNet101 ResNet101V2 EfficientNetB6 ConvNeXtSmall
RegNetX120 RegNetY120 EfficientNetV2M RegNetX160 RegNetY160 InceptionResNetV2 ResNet152 ResNet152V2 EfficientNetB7 ResNetRS101
ResNetRS152 ConvNeXtBase NASNetLarge ResNetRS200 RegNetX320 RegNetY320 EfficientNetV2L VGG16 VGG19 ResNetRS270 ResNetRS350
ResNetRS420 ConvNeXtLarge ConvNeXtXLarge
""".split()


# Of the normalisation's factors, the first with which a network is neither chaotic nor blind.
SCALES = [1.0, 0.97, 0.95, 0.92, 0.9, 0.87, 0.85, 0.8, 0.7, 0.5, 0.3, 0.2, 0.1]


def family(name):
    return re.match(r"[A-Za-z]+?(?=V?\d|Small|Large|Mobile|Tiny|Base|XLarge|B\d|[XY]\d|$)", name).group().lower()


def randomise(model, seed, scale):
    """Keras's own random weights, with statistics, scales and biases that are not those of an untrained network.

    ResNet-RS is so deep that only what its branches add may be scaled: the trunk would go blind.
    """
    branches_only = "resnet-rs" in model.name
    generator = np.random.default_rng(seed)
    for variable in model.weights:
        name = getattr(variable, "path", variable.name).split(":")[0]
        shape = tuple(variable.shape)
        noise = generator.standard_normal(shape)
        if name.endswith("moving_variance") or name.endswith("/variance") or name == "variance":
            variable.assign(generator.uniform(0.5, 1.5, shape))
        elif name.endswith("gamma"):
            own = 1.0 if branches_only and "batch_norm_3" not in name else scale
            variable.assign(own * (1 + 0.2 * noise) if "layer_scale" not in name else 0.1 + 0.05 * noise)
        elif name.endswith(("moving_mean", "beta", "bias", "/mean")) or name == "mean":
            variable.assign(0.1 * noise)
    for layer in model.layers:
        # What it computes with is made of its weights when they are loaded.
        if type(layer).__name__ == "Normalization":
            layer.finalize_state()


def spread(model, picture):
    """Scales the last layer so that probabilities differ: between near-equal ones an error would not show.

    RegNets of Keras 2 give scores, which differ anyway.
    """
    last = next(layer for layer in reversed(model.layers) if getattr(layer, "kernel", None) is not None)
    probabilities = np.asarray(model(picture, training=False), np.float64)
    if abs(probabilities.sum() - 1) > 1e-3:
        return
    while probabilities.max() > 0.1:
        last.kernel.assign(0.1 * np.asarray(last.kernel))
        probabilities = np.asarray(model(picture, training=False), np.float64)
    last.kernel.assign(np.asarray(last.kernel) * (2 / max(np.log(probabilities).std(), 1e-6)))


@functools.lru_cache(maxsize=1)
def application(generation, name):
    """The network, a picture and what it makes of it; both formats are written from one."""
    keras = GENERATIONS[generation]
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    model = getattr(keras.applications, name)(weights=None)
    # MobileNetV3 leaves it open.
    size = [224 if side is None else side for side in model.input_shape[1:]]
    own_scale = any(type(layer).__name__ in ("Rescaling", "Normalization") for layer in model.layers[:4])
    picture = np.random.default_rng(3).random((1, *size), np.float32)
    picture = picture * 255 if own_scale else 2 * picture - 1
    return model, picture, tamed(model, picture)


def tamed(model, picture):
    """What the network makes of the picture, with weights of which that can be compared.

    Deep networks of random weights are chaotic: of a picture that differs by 1e-5, Keras itself makes something else in every
    digit. Smaller scales of the normalisation keep them tame, until one of any picture makes the same.
    """
    random = np.random.default_rng(4)
    near = picture * (1 + 1e-5 * random.standard_normal(picture.shape).astype(np.float32))
    far = picture * np.linspace(0, 1, picture.shape[2], dtype=np.float32)[:, None]
    for settled in (False, True):
        for scale in SCALES:
            randomise(model, 2, scale)
            if settled:
                settle(model, picture)
            spread(model, picture)
            output, almost, other = (np.asarray(model(fed, training=False)) for fed in (picture, near, far))
            change = [np.abs(output - made).max() / np.abs(output).max() for made in (almost, other)]
            if change[0] <= 1e-4 and change[1] >= 1e-3:
                return output
    raise RuntimeError(f"{model.name} is chaotic or blind with every scale of {SCALES}")


def settle(model, picture):
    """Gives normalisations the statistics of the picture, as training would."""
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.momentum = 0.0
    model(picture, training=True)


def make(generation, name, ending, folder):
    model, picture, output = application(generation, name)
    file = folder / f"{name}.{ending}"
    model.save(file)
    return {"file": file, "inputs": [picture], "outputs": [output]}


def cases():
    for name in ORDER:
        for generation, package in GENERATIONS.items():
            if not hasattr(package.applications, name):
                continue
            for ending in ("h5", "keras"):
                here = functools.partial(make, generation, name, ending)
                yield Case(f"keras{generation}-{name}.{ending}", family(name), here)


for package in GENERATIONS.values():
    there = [name for name, value in vars(package.applications).items() if inspect.isfunction(value)]
    assert set(there) <= set(ORDER), f"not in the list: {set(there) - set(ORDER)}"
protocol.main(cases())
