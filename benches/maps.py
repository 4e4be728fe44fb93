"""pytorch-grad-cam's times of what benches/maps.rs times: python benches/maps.py resnet50|vgg16|efficientnet_lite0 FOLDER [SIDE]"""
import pathlib
import sys
import time

import pytorch_grad_cam as pgc
import torch
import torchvision
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "parity" / "python"))
import models  # noqa: E402

NETWORKS = {
    "resnet50": (lambda: models.networks.seeded(torchvision.models.resnet50(), 50), "layer4"),
    "vgg16": (lambda: models.networks.seeded(torchvision.models.vgg16(), 16), "features.29"),
    "efficientnet_lite0": (models.efficientnet_lite0, "_conv_head"),
}


def show(what, runs, work):
    times = []
    for _ in range(runs + (runs > 1)):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    print(f"{what:<34} least of {runs:2} {min(times[runs > 1:]):10.2f} ms", flush=True)


name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
side = int(sys.argv[3]) if len(sys.argv) > 3 else 224
build, layer = NETWORKS[name]
network = build()
picture = torch.from_numpy(models.networks.picture(1, (1, 3, side, side)))
file = folder / f"{name}.pt2"
if not file.exists():
    with torch.no_grad():
        torch.export.save(torch.export.export(network, (picture,)), file)
print(f"{file} {layer}", flush=True)
best = int(network(picture)[0].argmax())
target = [ClassifierOutputTarget(best)]
other = [ClassifierOutputTarget(0 if best else 1)]
layers = [network.get_submodule(layer)]
with pgc.GradCAM(network, layers) as cam:
    show("Grad-CAM, picture not run", 10, lambda: cam(picture, target))
    show("Grad-CAM, another class", 10, lambda: cam(picture, other))
with pgc.AblationCAM(network, layers) as cam:
    show("Ablation-CAM", 1, lambda: cam(picture, target))
with pgc.ScoreCAM(network, layers) as cam:
    show("Score-CAM", 1, lambda: cam(picture, target))
