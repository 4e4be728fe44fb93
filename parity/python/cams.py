"""Class activation maps beside pytorch-grad-cam's, and Smooth Grad-CAM++ and fusion by maximum beside torch-cam's."""

import copy
import time

import numpy as np
import protocol
import pytorch_grad_cam as pgc
import random_numbers
import torch
from models import CONVOLUTIONAL, DOUBLE, TRANSFORMERS
from protocol import Case, check, left_out
from torchcam.methods import LayerCAM, SmoothGradCAMpp

# Of these every layer and class is compared.
METHODS = {
    "grad-cam": pgc.GradCAM,
    "grad-cam++": pgc.GradCAMPlusPlus,
    "xgrad-cam": pgc.XGradCAM,
    "hires-cam": pgc.HiResCAM,
    "element-wise": pgc.GradCAMElementWise,
    "layer-cam": pgc.LayerCAM,
    "eigen-grad-cam": pgc.EigenGradCAM,
}
# Of no class.
CLASSLESS = {"eigen-cam": pgc.EigenCAM, "kpca-cam": pgc.KPCA_CAM, "fem": pgc.FEM}
# A run for each channel: the last layer and the first class only, in single precision, for they take no gradient that could jump.
LONG = {"score-cam": pgc.ScoreCAM, "ablation-cam": pgc.AblationCAM}
SEED, SAMPLES, STD = 9, 4, 0.3


class Score:
    """The score of a class, or its probability; of a network without its top the mean over the positions."""

    def __init__(self, index, probability=False):
        self.index, self.probability = index, probability

    def __call__(self, output):
        numbers = output.softmax(0) if self.probability else output
        return (numbers.flatten(1).mean(1) if numbers.dim() > 1 else numbers)[self.index]


def on_grid(tokens):
    """Tokens behind one class token, or positions with their channels last, as N×C×H×W."""
    if tokens.dim() == 4:
        return tokens.permute(0, 3, 1, 2)
    side = int(tokens.shape[1] ** 0.5)
    return tokens[:, -side * side :].transpose(1, 2).reshape(len(tokens), -1, side, side)


def raw(kind, network, layer, picture, target, transform=None, **options):
    """The reference's map at the layer's resolution, before ReLU and scaling, and its seconds."""
    with kind(network, [network.get_submodule(layer)], reshape_transform=transform) as cam:
        made, whole = [], cam.get_cam_image
        cam.get_cam_image = lambda *given: made.append(whole(*given)) or made[-1]
        start = time.perf_counter()
        cam(picture.clone(), [target], **options)
        return made[0][0], time.perf_counter() - start


def activation(network, layer, picture):
    kept = []
    hook = network.get_submodule(layer).register_forward_hook(lambda _module, _inputs, output: kept.append(output.clone()))
    with torch.no_grad():
        output = network(picture)
    hook.remove()
    return kept[0], output


def positive(map_):
    """A sign that libraries leave to chance: the greatest magnitude is positive."""
    return -map_ if -map_.min() > map_.max() else map_


def along(map_, summed):
    """The same, as the sum over channels goes."""
    return map_ * np.sign((map_ * (summed - summed.mean())).sum())


def full_grad(network, picture, target):
    """The sum that FullGrad scales at its end."""
    with pgc.FullGrad(network, []) as cam:
        kept = {}
        cam.aggregate_multi_layers = lambda maps: kept.setdefault("sum", maps.sum(axis=1)) * 0
        start = time.perf_counter()
        cam(picture.clone().requires_grad_(), [target])
        return kept["sum"][0], time.perf_counter() - start


def smooth(network, layer, picture, index, noise):
    """torch-cam's Smooth Grad-CAM++ with this noise, before scaling."""
    with SmoothGradCAMpp(network, layer, num_samples=len(noise)) as cam:
        drawn = iter(noise)
        cam._distrib.sample = lambda _size: STD * torch.from_numpy(next(drawn))[None].double()
        network(picture.clone())
        start = time.perf_counter()
        return cam(index, normalized=False)[0][0].numpy(), time.perf_counter() - start


def fused_by_maximum(network, layers, picture, index):
    with LayerCAM(network, layers) as cam:
        scores = network(picture.clone().requires_grad_())
        return LayerCAM.fuse_cams(cam(index, scores), tuple(picture.shape[-2:]))[0].numpy()


def make(model, folder):
    network, file, picture, fed = model.exported(folder)
    checks = []
    last, best = model.layers[0], model.classes[0]

    def compare(name, layers, index, golden, seconds=None, *words):
        about = f"{'+'.join(layers)}, class {index} {' '.join(words)}".strip()
        layered = [word for layer in layers for word in ("--layer", layer)]
        # In the single precision that is compared.
        if not np.any(np.asarray(golden, np.float32)):
            checks.append(left_out(name, about, "the reference is zero everywhere: the probability is as good as 0 or 1"))
            return
        command = ["cam", file, fed, *layered, "--class", index, "--method", name, *words]
        checks.append(check(name, about, command if name in LONG else [*command, *DOUBLE], golden, seconds=seconds))

    for layer in model.layers:
        for index in model.classes:
            made = {name: raw(kind, network, layer, picture, Score(index)) for name, kind in METHODS.items()}
            for name, (golden, seconds) in made.items():
                signed = along(golden, made["hires-cam"][0]) if name == "eigen-grad-cam" else golden
                compare(name, [layer], index, signed, seconds)
        for name, kind in CLASSLESS.items():
            golden, seconds = raw(kind, network, layer, picture, Score(best))
            compare(name, [layer], best, positive(golden) if name == "eigen-cam" else golden, seconds)
        golden, seconds = raw(pgc.ShapleyCAM, network, layer, picture, Score(best, probability=True))
        compare("shapley-cam", [layer], best, golden, seconds, "--of", "probability")
        golden, seconds = raw(pgc.GradCAM, network, layer, picture, Score(best), eigen_smooth=True)
        summed, _ = raw(pgc.GradCAM, network, layer, picture, Score(best))
        compare("grad-cam", [layer], best, along(golden, summed), seconds, "--eigen-smooth")
    before, output = activation(network, last, picture)
    single = copy.deepcopy(network).float()
    for name, kind in LONG.items():
        if name == "ablation-cam" and before.min() < 0:
            checks.append(left_out(name, last, "negative values: the reference puts -1e7 and less there, the paper and we zero"))
            continue
        golden, seconds = raw(kind, single, last, picture.float(), Score(best))
        if name == "ablation-cam" and Score(best)(output[0]) < 0:
            # The reference divides by the score, we by its magnitude.
            golden = -golden
        compare(name, [last], best, golden, seconds)
    for index in model.classes:
        compare("full-grad", [last], index, *full_grad(network, picture, Score(index)))
    target = [Score(best)]
    submodules = [network.get_submodule(layer) for layer in model.layers]
    with pgc.GradCAM(network, submodules) as cam:
        compare("grad-cam", model.layers, best, cam(picture.clone(), target)[0])
    with pgc.GradCAM(network, submodules[:1]) as cam:
        compare("grad-cam", [last], best, cam(picture.clone(), target, aug_smooth=True)[0], None, "--smooth")
    if output.dim() == 2:
        noise = random_numbers.normal(SEED, SAMPLES, picture.shape[1:])
        golden, seconds = smooth(network, last, picture, best, noise)
        compare("smooth-grad-cam++", [last], best, golden, seconds, "--set", "form=last", "--seed", str(SEED))
        compare("layer-cam", model.layers, best, fused_by_maximum(network, model.layers, picture, best), None, "--fuse", "max")
    return checks


def make_transformer(model, folder):
    network, file, picture, fed = model.exported(folder)
    checks = []
    for layer in model.layers:
        for index in model.classes:
            kinds = METHODS | (CLASSLESS if index == model.classes[0] else {})
            made = {name: raw(kind, network, layer, picture, Score(index), on_grid) for name, kind in kinds.items()}
            for name, (golden, seconds) in made.items():
                if name == "eigen-grad-cam":
                    golden = along(golden, made["hires-cam"][0])
                if name == "eigen-cam":
                    golden = positive(golden)
                command = ["cam", file, fed, "--layer", layer, "--class", index, "--method", name, *DOUBLE]
                checks.append(check(name, f"{layer}, class {index}", command, golden, seconds=seconds))
    return checks


def cases():
    for model in CONVOLUTIONAL:
        yield Case(model.name, model.family, lambda folder, model=model: make(model, folder))
    for model in TRANSFORMERS:
        yield Case(model.name, model.family, lambda folder, model=model: make_transformer(model, folder))


torch.set_num_threads(1)
protocol.main(cases())
