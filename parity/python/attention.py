"""Attention rollout as its paper writes it, and LeGrad beside torch-cam's, or by autograd where torch-cam does not take the
network. Class activation maps on tokens are in `cams.py`."""

import torch
import torchvision
from models import DOUBLE, TRANSFORMERS, Model, networks
from protocol import Case, check, left_out, main
from torchcam.methods import LeGrad

# Beside the fixtures, whose folder `models` has put on the path.
from make_attention import Softmax, legrad, rollout  # isort: skip

VARIANTS = [("mean", 0.0), ("max", 0.0), ("min", 0.0), ("mean", 0.4)]


def torchvision_transformer():
    transformer = torchvision.models.vision_transformer.VisionTransformer(
        64, 16, num_layers=4, num_heads=4, hidden_dim=64, mlp_dim=96, num_classes=10
    )
    return networks.seeded(transformer, 21)


OWN = Model(
    "vit_torchvision", "transformer", torchvision_transformer, ["encoder.layers.encoder_layer_3.ln_1"], (3, 64, 64)
)


def on_grid(numbers):
    side = int(numbers.shape[-1] ** 0.5)
    return numbers.reshape(side, side)


def make(model, folder):
    if model.name.startswith("swin"):
        refused = "attention within windows: we refuse, and no reference has it"
        return [left_out(name, "", refused) for name in ["attention-rollout", "legrad"]]
    network, file, picture, fed = model.exported(folder)
    checks = []

    def compare(name, index, golden, *words):
        command = ["cam", file, fed, "--class", index, "--method", name, *DOUBLE, *words]
        checks.append(check(name, f"class {index} {' '.join(words)}".strip(), command, golden))

    with Softmax() as softmax:
        network(picture)
    for fuse, discard in VARIANTS:
        golden = on_grid(rollout(softmax.maps, 1, fuse, discard))
        compare("attention-rollout", model.classes[0], golden, "--set", f"heads={fuse}", "--set", f"discard={discard}")
    for index in model.classes:
        if model is OWN:
            with LeGrad(network, list(network.encoder.layers)) as extractor:
                golden = extractor(index, network(picture), normalized=False)[0][0]
        else:
            head = lambda token: network.forward_head(network.norm(token))  # noqa: E731
            golden = on_grid(legrad(network, picture, list(network.blocks), head, 1, index))
        compare("legrad", index, golden)
    return checks


def case(model):
    return Case(model.name, model.family, lambda folder: make(model, folder))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main([case(model) for model in [OWN, *TRANSFORMERS]])
