"""A module goes the whole way: traced in processes of its own, a bundle, a reference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from export import ExportOptions, export_bundle
from runtimes.bundle.manifest import read_manifest

Theirs = Callable[[str], str]
TILE = (20, 28)


def test_a_module_becomes_a_bundle(theirs: Theirs, tmp_path: Path) -> None:
    said: list[str] = []
    export_bundle(theirs("of_one_size"), tmp_path / "b", ExportOptions(("onnxruntime-fp32",), (TILE,)), said.append)
    assert said[0] == "running the code of their_networks:of_one_size"
    assert any("its sizes cannot change: tracing it at 20x28 alone" in line for line in said)
    manifest = read_manifest(tmp_path / "b")
    foreign = manifest.source.foreign
    assert foreign is not None and (foreign.family, foreign.fixed, foreign.pixels.top) == ("torch", TILE, 1)
    assert (manifest.name, manifest.scale) == ("of_one_size", 2)
    assert "differs from the module in float64 by" in manifest.source.config["traced"]
    assert (tmp_path / "b" / "reference" / "network.onnx").is_file()


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("counting", {}, InputError, "gives another picture each time"),
        ("routed", {}, InputError, r"decides by the picture \(Tensor.__bool__ at their_networks.py:\d+\)"),
        ("of_one_size", {"top": 255.0}, InputError, "a module takes RGB in"),
        ("of_one_size", {"scale": 4}, InputError, "--scale says x4, the network gives x2"),
        ("of_one_size", {"tiles": (TILE, (24, 24))}, InputError, "takes 20x28 alone, found a tile of 24x24"),
        ("of_one_size", {"lowering": "basis"}, InputError, "of_one_size is a module of torch"),
    ],
)
def test_what_cannot_be_writes_nothing(
    theirs: Theirs, tmp_path: Path, name: str, options: dict[str, object], error: type[Exception], words: str
) -> None:
    given = ExportOptions(("onnxruntime-fp32",), **{"tiles": (TILE,), **options})  # type: ignore[arg-type]
    with pytest.raises(error, match=words):
        export_bundle(theirs(name), tmp_path / "b", given)
    assert not (tmp_path / "b").exists()
