"""How far to trust a gradient, beside torch-cam's, pytorch-grad-cam's and Captum's metrics."""

import copy

import captum.attr as ca
import numpy as np
import protocol
import torch
from captum.metrics import infidelity, sensitivity_max
from models import CONVOLUTIONAL, DOUBLE, TRANSFORMERS
from protocol import Case, check
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget
from random_numbers import normal, uniform

# Beside the fixtures, whose folder `models` has put on the path.
from metrics import PERCENTILES, curves, removed  # isort: skip

SEED, SAMPLES, RADIUS, SPREAD = 3, 4, 0.02, 0.2
# Where layerscope's random numbers for a metric begin: `Stream` of src/methods/faithfulness.
IMPUTATION, SENSITIVITY, INFIDELITY = (stream << 40 for stream in (2, 3, 4))


def points(curve, numbers):
    return [f"/curves/{curve}/{number}/value" for number in numbers]


def of_relevance(network, x, index, relevance):
    """Metrics of the order and share of pixels: name, settings, where the numbers stand, and what they should be."""
    (shares, deleted, inserted), areas = curves(network, x, relevance, index)
    every = range(len(shares))
    plain = ["baseline=zero", "random=0"]
    yield "deletion", plain, ["/auc", *points("map", every)], [areas[0], *deleted]
    yield "insertion", plain, ["/auc", *points("map", every)], [areas[1], *inserted]
    with torch.no_grad():
        masked = x * torch.from_numpy(relevance).to(x.dtype)
        whole, seen = (network(picture).softmax(1)[0, index].item() for picture in (x, masked))
    drop = [max(whole - seen, 0) / (whole + 1e-7), whole, seen]
    yield "average-drop", [], ["/drop", "/whole", "/through_the_map"], drop
    yield "average-increase", [], ["/increase", "/whole", "/through_the_map"], [float(seen > whole), whole, seen]
    target = ClassifierOutputSoftmaxTarget(index)
    noise = normal(SEED, 2 * len(PERCENTILES), x.shape[1:], IMPUTATION)
    # Its imputation knows single precision alone.
    most, least = removed(copy.deepcopy(network).float(), x.float(), relevance, target, noise).reshape(2, -1)
    # Ours go from few pixels to many, behind the whole picture; its percentiles the other way.
    at = [*points("morf", range(len(most), 0, -1)), *points("lerf", range(len(least), 0, -1))]
    yield "road", [], ["/road", *at], [(least.mean() - most.mean()) / 2, *most, *least]


def of_numbers(network, x, index, explain):
    """Metrics of the attribution's own numbers."""
    drawn = torch.from_numpy(2 * uniform(SEED, SAMPLES, x.shape[1:], SENSITIVITY) - 1).to(x.dtype)
    changed = lambda inputs, radius: inputs + radius * drawn  # noqa: E731
    found = sensitivity_max(explain, x, changed, RADIUS, n_perturb_samples=SAMPLES)
    yield "sensitivity", [f"samples={SAMPLES}", f"radius={RADIUS}"], ["/sensitivity"], [found.item()]
    step = SPREAD * torch.from_numpy(normal(SEED, SAMPLES, x.shape[1:], INFIDELITY)).to(x.dtype)
    for normalize in [True, False]:
        found = infidelity(
            lambda inputs: network(inputs),
            lambda inputs: (step, inputs - step),
            x,
            explain(x),
            target=index,
            n_perturb_samples=SAMPLES,
            normalize=normalize,
        )
        words = [f"samples={SAMPLES}", f"noise={SPREAD}", "of=target", f"normalize={'yes' if normalize else 'no'}"]
        yield "infidelity", words, ["/infidelity"], [found.item()]


def make(model, folder):
    network, file, picture, fed = model.exported(folder)
    index, checks = model.classes[0], []

    def explain(inputs):
        return ca.Saliency(network).attribute(inputs, target=index, abs=False)

    # No two pixels matter equally, so that rounding does not choose their order.
    relevance = explain(picture)[0].abs().sum(0)
    relevance = (relevance / relevance.max()).float().numpy()
    command = ["attribute", file, fed, "--class", index, "--method", "gradient", "--seed", SEED, *DOUBLE]
    made = [*of_relevance(network, picture, index, relevance), *of_numbers(network, picture, index, explain)]
    for name, settings, at, golden in made:
        words = [word for setting in settings for word in ("--trust-set", f"{name}.{setting}")]
        about = f"class {index} {' '.join(settings)}".strip()
        at = [f"/trust/{name}{pointer}" for pointer in at]
        checks.append(check(name, about, [*command, "--trust", name, *words], np.float64(golden), at=at))
    return checks


def cases():
    for model in [*CONVOLUTIONAL, *TRANSFORMERS]:
        # Of a network without its top no class has a probability.
        if model.name != "vgg16_notop":
            yield Case(model.name, model.family, lambda folder, model=model: make(model, folder))


torch.set_num_threads(1)
protocol.main(cases())
