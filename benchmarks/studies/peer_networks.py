"""Other people's networks as ONNX, by the straight path; run in an environment of its own that has spandrel.

    python benchmarks/studies/peer_networks.py swinir-light OUT.onnx HEIGHT WIDTH

It imports nothing of this project: spandrel wants torchvision, which drags a torch of its own along.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import sys
import types
from importlib.metadata import version
from pathlib import Path
from typing import Any

TORCHVISION = ("", ".ops", ".transforms", ".transforms.functional", ".models", ".models.vgg", ".utils")


class _Absent(types.ModuleType):
    """Stands for torchvision where there is none: spandrel imports it for other networks, SwinIR uses nothing of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def swinir_light(tile: tuple[int, int]) -> Any:
    """SwinIR-light x4 as its paper has it (929,628 parameters here), random weights, eval mode."""
    if importlib.util.find_spec("torchvision") is None:
        for suffix in TORCHVISION:
            module = _Absent(f"torchvision{suffix}")
            module.__path__ = []
            module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, None)
            sys.modules[module.__name__] = module
    from spandrel.architectures.SwinIR.__arch.SwinIR import SwinIR

    return SwinIR(
        img_size=max(tile), in_chans=3, embed_dim=60, depths=[6] * 4, num_heads=[6] * 4, window_size=8, mlp_ratio=2.0,
        upscale=4, upsampler="pixelshuffledirect", resi_connection="1conv",
    ).eval()  # fmt: skip


def main() -> None:
    """Write the ONNX file; say on standard output, as JSON, what made it."""
    name, out, height, width = sys.argv[1:]
    if name != "swinir-light":
        raise SystemExit(f"expected swinir-light, found {name}")
    import torch

    tile = (int(height), int(width))
    torch.manual_seed(0)
    model = swinir_light(tile)
    torch.onnx.export(
        model, (torch.rand(1, 3, *tile),), out, input_names=["lr"], output_names=["sr"], opset_version=18, dynamo=True,
        external_data=False, verbose=False,
    )  # fmt: skip
    tools = {package: version(package) for package in ("torch", "spandrel", "onnx")}
    parameters = sum(parameter.numel() for parameter in model.parameters())
    Path(out).with_suffix(".json").write_text(json.dumps({"tools": tools, "parameters": parameters}) + "\n")


if __name__ == "__main__":
    main()
