"""Attributions to the input's numbers beside Captum's, and two kinds of layer-wise relevance beside zennit's."""

import copy

import captum.attr as ca
import protocol
import torch
import zennit.rules
from captum.attr._utils.lrp_rules import GammaRule
from models import CONVOLUTIONAL, DOUBLE, TRANSFORMERS
from protocol import Case, check, left_out
from random_numbers import normal
from scipy.ndimage import gaussian_filter

# Beside the fixtures, whose folder `models` has put on the path.
from make_attributions import lrp, zennit_lrp  # isort: skip

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
    drawn = torch.from_numpy(normal(0, SAMPLES, x.shape[1:])).double()
    tunnel, its_own = ca.NoiseTunnel(ca.Saliency(network)), torch.normal
    # Captum adds the noise that layerscope draws.
    torch.normal = lambda mean, deviation: drawn.reshape(deviation.shape) * deviation
    spread = 0.15 * float(x.max() - x.min())
    for name, kind in [("smooth-grad", "smoothgrad"), ("square-grad", "smoothgrad_sq"), ("var-grad", "vargrad")]:
        made = tunnel.attribute(x, nt_type=kind, nt_samples=SAMPLES, stdevs=spread, target=index, abs=False)
        yield name, [f"samples={SAMPLES}"], made
    torch.normal = its_own
    modules = [type(module) for module in network.modules()]
    if torch.nn.ReLU in modules and torch.nn.ReLU6 not in modules:
        yield "guided-backprop", [], ca.GuidedBackprop(network).attribute(x, target=index)
        yield "deconvnet", [], ca.Deconvolution(network).attribute(x, target=index)
        guided = ca.GuidedGradCam(network, network.get_submodule(layer))
        yield "guided-grad-cam", ["--layer", layer], guided.attribute(x, target=index)


def plain(network):
    """A copy without operators in place, whose layers Captum and zennit can change one by one."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    return network


class Apart(torch.nn.Module):
    """A pooling whose input is a tensor of its own: Captum's DeepLIFT hooks a layer's output and the next one's input, and where both are
    one tensor it loses a part of what comes back (its numbers do not add up then)."""

    def __init__(self, pool):
        super().__init__()
        self.pool = pool

    def forward(self, x):
        return self.pool(x.clone())


def pools_apart(network):
    network = plain(network)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, torch.nn.MaxPool2d) and not isinstance(module, Apart):
                setattr(module, name, Apart(child))
    return network


def blurred(x):
    """The baseline `blur`. One that is the same everywhere ties the values that a pooling chooses the greatest of."""
    sigma = max(x.shape[2:]) / 20
    return torch.from_numpy(gaussian_filter(x.numpy(), (0, 0, sigma, sigma), mode="nearest", truncate=3))


def layer_by_layer(network, x, index):
    """What changes every layer's gradient, and so can be asked of a network only whose layers all are modules that stand once."""
    yield "deep-lift", ["baseline=blur"], ca.DeepLift(pools_apart(network)).attribute(x, blurred(x), target=index)
    apart = plain(network)
    yield "lrp-epsilon", [], lrp(apart, x, index, {})
    yield "lrp-gamma", ["signs=as-one"], lrp(apart, x, index, {torch.nn.Conv2d: lambda: GammaRule(gamma=0.25)})
    gamma, alpha_beta = zennit.rules.Gamma(0.25, stabilizer=1e-9), zennit.rules.AlphaBeta(2, 1, stabilizer=1e-9)
    yield "lrp-gamma", ["signs=apart"], zennit_lrp(apart, x, index, gamma, merged=[])
    yield "lrp-alpha-beta", ["alpha=2"], zennit_lrp(apart, x, index, alpha_beta, merged=[])


class Scores(torch.nn.Module):
    """The scores of classes, of a network without its top the means of channels."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.mean = torch.nn.AdaptiveAvgPool2d(1)

    def get_submodule(self, path):
        return self.network.get_submodule(path)

    def forward(self, x):
        output = self.network(x)
        return output if output.dim() == 2 else self.mean(output).flatten(1)


def make(model, folder):
    network, file, picture, fed = model.exported(folder)
    network, checks, index = Scores(network), [], model.classes[0]
    made = [*goldens(network, picture, index, model.layers[0])]
    apart = model.name == "vgg16_notop"
    if apart:
        made += layer_by_layer(network, picture, index)
    for name, settings, golden in made:
        words = ["attribute", file, fed, "--method", name, "--class", index, *DOUBLE]
        for word in settings:
            words += ["--set", word] if "=" in word else [word]
        about = f"class {index} {' '.join(word for word in settings if '=' in word)}".strip()
        checks.append(check(name, about, words, golden.detach()[0]))
    if not any(name == "guided-backprop" for name, *_ in made):
        checks.append(left_out("guided-backprop", "", "Captum changes modules of the class ReLU alone"))
    if not apart:
        why = "Captum's and zennit's modules must stand once each: compared in tests/attributions.rs"
        checks += [left_out(name, "", why) for name in ["deep-lift", "lrp-epsilon", "lrp-gamma", "lrp-alpha-beta"]]
    why = "no reference takes the masks that layerscope draws: compared in tests/attributions.rs with masks that are given"
    return [*checks, left_out("rise", "", why)]


def cases():
    for model in [*CONVOLUTIONAL, *TRANSFORMERS]:
        yield Case(model.name, model.family, lambda folder, model=model: make(model, folder))


torch.set_num_threads(1)
protocol.main(cases())
