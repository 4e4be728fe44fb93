"""Class activation maps beside pytorch-grad-cam's."""

import contextlib
import time

import protocol
import pytorch_grad_cam as pgc
import torch
from models import CONVOLUTIONAL
from protocol import Case, check

# layerscope's name, the reference's class, and the settings under which they are the same.
METHODS = {
    "grad-cam": (pgc.GradCAM, {}),
}


class Score:
    """The score of a class, of a network without its top the mean of a channel."""

    def __init__(self, index):
        self.index = index

    def __call__(self, output):
        return output[self.index].mean()


def raw(kind, network, layer, picture, target):
    """The reference's map at the layer's resolution, before ReLU and scaling."""
    with kind(network, [network.get_submodule(layer)]) as cam, quiet():
        start = time.perf_counter()
        cam(picture.clone(), [Score(target)])
        seconds = time.perf_counter() - start
        kept = cam.activations_and_grads
        activations, gradients = kept.activations[0], (kept.gradients or [torch.zeros(1)])[0]
        if cam.detach:
            activations, gradients = activations.numpy(), gradients.numpy()
        map_ = cam.get_cam_image(picture, cam.target_layers[0], [Score(target)], activations, gradients, False)
    return map_[0], seconds


@contextlib.contextmanager
def quiet():
    """Without progress bars."""
    import tqdm

    shown = tqdm.tqdm
    tqdm.tqdm = lambda items, *_, **__: items
    try:
        yield
    finally:
        tqdm.tqdm = shown


def make(model, folder):
    torch.manual_seed(0)
    network, file, picture, fed = model.exported(folder)
    checks = []
    for layer in model.layers:
        for index in model.classes:
            for name, (kind, settings) in METHODS.items():
                golden, seconds = raw(kind, network, layer, picture, index)
                words = ["cam", file, fed, "--layer", layer, "--class", index, "--method", name]
                for key, value in settings.items():
                    words += ["--set", f"{key}={value}"]
                checks.append(check(name, f"{layer}, class {index}", words, golden, seconds=seconds))
    return checks


def cases():
    for model in CONVOLUTIONAL:
        yield Case(model.name, model.family, lambda folder, model=model: make(model, folder))


torch.set_num_threads(1)
protocol.main(cases())
