"""Attributions to the input's numbers beside Captum's."""

import captum.attr as ca
import numpy as np
import protocol
import torch
from models import CONVOLUTIONAL, TRANSFORMERS
from protocol import Case, check, left_out, noise

SAMPLES = 4


def goldens(network, x, index, layer):
    """Captum's numbers for a class, by method and settings."""
    zero = ["baseline=zero"]
    yield "gradient", [], ca.Saliency(network).attribute(x, target=index, abs=False)
    yield "gradient-x-input", [], ca.InputXGradient(network).attribute(x, target=index)
    steps = ["steps=8", *zero]
    yield "integrated-gradients", steps, ca.IntegratedGradients(network).attribute(x, target=index, n_steps=8)
    window = x.shape[2] // 4
    slid = ca.Occlusion(network).attribute(
        x, (x.shape[1], window, window), (x.shape[1], window, window), 0, target=index
    )
    yield "occlusion", [f"window={window}", f"stride={window}", *zero], slid
    drawn = torch.from_numpy(np.ascontiguousarray(noise(0, SAMPLES, x.shape[1:])))
    tunnel, normal = ca.NoiseTunnel(ca.Saliency(network)), torch.normal
    # Captum adds the noise that layerscope draws.
    torch.normal = lambda mean, deviation: drawn.reshape(deviation.shape) * deviation
    spread = 0.15 * float(x.max() - x.min())
    for name, kind in [("smooth-grad", "smoothgrad"), ("square-grad", "smoothgrad_sq"), ("var-grad", "vargrad")]:
        made = tunnel.attribute(x, nt_type=kind, nt_samples=SAMPLES, stdevs=spread, target=index, abs=False)
        yield name, [f"samples={SAMPLES}"], made
    torch.normal = normal
    modules = [type(module) for module in network.modules()]
    if torch.nn.ReLU in modules and torch.nn.ReLU6 not in modules:
        yield "guided-backprop", [], ca.GuidedBackprop(network).attribute(x, target=index)
        yield "deconvnet", [], ca.Deconvolution(network).attribute(x, target=index)
        guided = ca.GuidedGradCam(network, network.get_submodule(layer))
        yield "guided-grad-cam", ["--layer", layer], guided.attribute(x, target=index)


class Scores(torch.nn.Module):
    """The scores of classes, of a network without its top the means of channels."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def get_submodule(self, path):
        return self.network.get_submodule(path)

    def forward(self, x):
        output = self.network(x)
        return output if output.dim() == 2 else output.mean((2, 3))


def make(model, folder):
    network, file, picture, fed = model.exported(folder)
    network, checks, index = Scores(network), [], model.classes[0]
    for name, settings, golden in goldens(network, picture, index, model.layers[0]):
        words = ["attribute", file, fed, "--method", name, "--class", index]
        for word in settings:
            words += ["--set", word] if "=" in word else [word]
        checks.append(check(name, f"class {index}", words, golden.detach()[0]))
    if len(checks) < 10:
        checks.append(left_out("guided-backprop", "", "Captum changes modules of the class ReLU alone"))
    why = "Captum's modules must stand once each: compared in tests/attributions.rs"
    return [*checks, left_out("deep-lift", "", why), left_out("lrp-epsilon", "", why)]


def cases():
    for model in [*CONVOLUTIONAL, *TRANSFORMERS]:
        yield Case(model.name, model.family, lambda folder, model=model: make(model, folder))


torch.set_num_threads(1)
protocol.main(cases())
