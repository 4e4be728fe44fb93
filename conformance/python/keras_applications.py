"""All of keras.applications as Keras itself saves them: `python keras_applications.py [--list] [--only REGEX] [--generation 2|3]`.

Weights are random from a fixed seed, running statistics too, so that a wrong axis or epsilon shows. Each network is written as
HDF5 and as a `.keras` archive; for each a line of JSON goes to stdout with the file, an input and Keras's own output, and the
next is made once a line comes from stdin. Generation 2 is tf_keras.
"""

import argparse
import inspect
import json
import os
import re
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
# oneDNN reorders sums; the plain kernels are the reference.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import numpy as np

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


def family(name):
    return re.match(r"[A-Za-z]+?(?=V?\d|Small|Large|Mobile|Tiny|Base|XLarge|B\d|[XY]\d|$)", name).group().lower()


def randomise(model, seed):
    """Keras's own random weights, with statistics, scales and biases that are not those of an untrained network."""
    generator = np.random.default_rng(seed)
    for variable in model.weights:
        name = getattr(variable, "path", variable.name).split(":")[0]
        shape = tuple(variable.shape)
        noise = generator.standard_normal(shape)
        if name.endswith("moving_variance") or name.endswith("/variance") or name == "variance":
            variable.assign(generator.uniform(0.5, 1.5, shape))
        elif name.endswith("gamma"):
            variable.assign(1 + 0.2 * noise if "layer_scale" not in name else 0.1 + 0.05 * noise)
        elif name.endswith(("moving_mean", "beta", "bias", "/mean")) or name == "mean":
            variable.assign(0.1 * noise)
    for layer in model.layers:
        # What it computes with is made of its weights when they are loaded.
        if type(layer).__name__ == "Normalization":
            layer.finalize_state()


def spread(model, picture):
    """Scales the last layer so that probabilities differ: between near-equal ones an error would not show."""
    last = next(layer for layer in reversed(model.layers) if getattr(layer, "kernel", None) is not None)
    for _ in range(4):
        probabilities = np.asarray(model(picture, training=False), np.float64)
        deviation = np.log(probabilities + 1e-30).std()
        last.kernel.assign(np.asarray(last.kernel) * (2 / max(deviation, 1e-6)))


def cases(keras, names):
    for name in names:
        folder = Path(tempfile.mkdtemp(prefix="layerscope-"))
        try:
            keras.backend.clear_session()
            keras.utils.set_random_seed(1)
            model = getattr(keras.applications, name)(weights=None)
            randomise(model, 2)
            # MobileNetV3 leaves it open.
            size = [224 if side is None else side for side in model.input_shape[1:]]
            own_scale = any(type(layer).__name__ in ("Rescaling", "Normalization") for layer in model.layers[:4])
            picture = np.random.default_rng(3).random((1, *size), np.float32)
            picture = picture * 255 if own_scale else 2 * picture - 1
            spread(model, picture)
            output = np.asarray(model(picture, training=False))
            np.save(folder / "in0.npy", picture)
            np.save(folder / "out0.npy", output)
            for suite, ending in (("h5", "h5"), ("archive", "keras")):
                file = folder / f"{name}.{ending}"
                model.save(file)
                yield {
                    "name": name,
                    "family": family(name),
                    "suite": f"keras{keras.__version__[0]}-{suite}",
                    "file": str(file),
                    "architecture": None,
                    "inputs": [str(folder / "in0.npy")],
                    "outputs": [str(folder / "out0.npy")],
                }
                # The runner may have taken the folder with it.
                if suite == "h5":
                    folder.mkdir(exist_ok=True)
                    np.save(folder / "in0.npy", picture)
                    np.save(folder / "out0.npy", output)
            del model
        except Exception as error:
            traceback.print_exc()
            yield {"name": name, "suite": f"keras{keras.__version__[0]}", "skipped": f"{type(error).__name__}: {error}"[:300]}
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--generation", choices=["2", "3"], default="3")
    asked = parser.parse_args()
    if asked.generation == "2":
        import tf_keras as keras
    else:
        import keras
    there = [name for name in dir(keras.applications) if inspect.isfunction(getattr(keras.applications, name))]
    names = [name for name in ORDER if name in there] + [name for name in there if name not in ORDER]
    names = [name for name in names if re.search(asked.only, name)]
    if asked.list:
        print("\n".join(names))
        return
    for case in cases(keras, names):
        print(json.dumps(case), flush=True)
        if sys.stdin.readline().strip() != "next":
            break


if __name__ == "__main__":
    main()
