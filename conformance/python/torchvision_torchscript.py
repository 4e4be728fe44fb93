"""All classification models of torchvision as TorchScript archives, traced and scripted, random weights."""

import time

import protocol
import torch
import torchvision
from programs import alive, flat, picture
from protocol import Case, Skip

# What holds a position for each patch wants its own size; a scripted Swin pads and shifts by the size that it was opened at.
FIXED = ("vit_", "maxvit_")
SHIFTED = ("swin_",)
# Above half a gigabyte of weights: at the end, and smaller still.
HUGE = ("vit_l_16", "vit_l_32", "regnet_y_128gf", "vit_h_14")


def make(name, how, folder):
    torch.manual_seed(0)
    network = alive(torchvision.models.get_model(name, weights=None))
    fixed = FIXED + SHIFTED if how == "scripted" else FIXED
    side = 224 if name.startswith(fixed) else 64 if name in HUGE else 128
    example = picture((1, 3, side, side))
    with torch.no_grad():
        if how == "traced":
            program = torch.jit.trace(network, example, check_trace=False)
        else:
            try:
                program = torch.jit.script(network)
            except Exception as error:
                lines = str(error).strip().splitlines() or [""]
                raise Skip(f"torch.jit.script cannot: {lines[0][:120]}") from error
        program.save(folder / "model.pt")
        del network
        # As a user's: loaded anew, in evaluation mode.
        program = torch.jit.load(folder / "model.pt").eval()
        start = time.perf_counter()
        outputs = program(example.clone())
        seconds = time.perf_counter() - start
    return {"file": folder / "model.pt", "inputs": [example], "outputs": flat(outputs), "peer": {"run": seconds}}


def cases():
    names = torchvision.models.list_models(module=torchvision.models)
    for name in sorted(names, key=lambda name: (HUGE.index(name) if name in HUGE else -1, name)):
        family = torchvision.models.get_model_builder(name).__module__.rsplit(".", 1)[-1]
        for how in ("traced", "scripted"):
            yield Case(f"{name} {how}", family, lambda folder, name=name, how=how: make(name, how, folder))


torch.set_num_threads(1)
protocol.main(cases())
