"""Maps of transformers: class activation maps on tokens beside pytorch-grad-cam's, attention rollout as its paper writes it, and
LeGrad beside torch-cam's, or by autograd where torch-cam does not take the network."""

import torch
import torchvision
from cams import METHODS, Score
from make_attention import Softmax, legrad, rollout, tokens
from models import TRANSFORMERS, Model, networks
from protocol import Case, check, left_out, main
from torchcam.methods import LeGrad

VARIANTS = [("mean", 0.0), ("max", 0.0), ("min", 0.0), ("mean", 0.4)]


def torchvision_transformer():
    transformer = torchvision.models.vision_transformer.VisionTransformer(
        64, 16, num_layers=4, num_heads=4, hidden_dim=64, mlp_dim=96, num_classes=10
    )
    return networks.seeded(transformer, 21)


OWN = Model(
    "vit_torchvision", "transformer", torchvision_transformer, ["encoder.layers.encoder_layer_3.ln_1"], (3, 64, 64)
)


def raw(kind, network, layer, picture, target, reshape):
    """The reference's map at the layer's resolution, before ReLU and scaling."""
    with kind(network, [network.get_submodule(layer)], reshape_transform=reshape) as cam:
        made, whole = [], cam.get_cam_image
        cam.get_cam_image = lambda *given: made.append(whole(*given)) or made[-1]
        cam(picture.clone(), [target])
        return made[0][0]


def positive(map_):
    return -map_ if -map_.min() > map_.max() else map_


def on_grid(numbers, side):
    return numbers.reshape(side, side)


def make(model, folder):
    network, file, picture, fed = model.exported(folder)
    checks = []

    def compare(name, layer, index, golden, *words):
        command = ["cam", file, fed, "--layer", layer, "--class", index, "--method", name, *words]
        checks.append(check(name, f"{layer}, class {index} {' '.join(words)}".strip(), command, golden))

    windows = model.name.startswith("swin")
    side = {"vit_tiny": 14, "vit_torchvision": 4}.get(model.name)
    reshape = (lambda value: value.permute(0, 3, 1, 2)) if windows else tokens(1, side, side)
    for layer in model.layers:
        for index in model.classes:
            for name, kind in METHODS.items():
                golden = raw(kind, network, layer, picture, Score(index), reshape)
                compare(name, layer, index, positive(golden) if name == "eigen-grad-cam" else golden)
    if windows:
        refused = "attention within windows: we refuse, and no reference has it"
        return [*checks, *(left_out(name, "", refused) for name in ["attention-rollout", "legrad"])]
    last = model.layers[0]
    with Softmax() as softmax:
        network(picture)
    for fuse, discard in VARIANTS:
        golden = on_grid(rollout(softmax.maps, 1, fuse, discard), side)
        words = ["--set", f"heads={fuse}", "--set", f"discard={discard}"]
        compare("attention-rollout", last, model.classes[0], golden, *words)
    for index in model.classes:
        if model is OWN:
            with LeGrad(network, list(network.encoder.layers)) as extractor:
                golden = extractor(index, network(picture), normalized=False)[0][0]
        else:
            head = lambda token: network.forward_head(network.norm(token))  # noqa: E731
            golden = on_grid(legrad(network, picture, list(network.blocks), head, 1, index), side)
        compare("legrad", last, index, golden)
    return checks


def case(model):
    return Case(model.name, model.family, lambda folder: make(model, folder))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main([case(model) for model in [OWN, *TRANSFORMERS]])
