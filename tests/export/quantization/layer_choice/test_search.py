"""The search of INT8 layers: what is chosen is what was measured, and an interruption costs nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gates.limits import INT8
from dlgsanet.errors import GateError, InputError
from dlgsanet.imaging.files import write_picture
from dlgsanet.storage.typed_json import to_json
from export.bundle.options import ExportOptions
from export.bundle.writer import export_bundle
from export.machine.journal import Journal
from export.quantization.layer_choice.search import SAME, MeasuredSet, SearchLimits, fastest
from export.quantization.layer_choice.sensitivity import Loss
from export.quantization.layers import chosen_by_default, is_trunk_end, role, units
from export.quantization.options import CalibrationOptions
from runtimes import open_runner
from runtimes.bundle.manifest import read_manifest

pytest.importorskip("nncf")

TILE = (20, 24)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise of several contrasts: the small network is not trained, only that everything runs is of interest."""
    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for index in range(3):
        picture = rng.integers(0, 85 * (index + 1), (100, 120, 3))
        write_picture(folder / f"{index}.png", picture.astype(np.uint8))
    return folder


def options(photographs: Path, target: str, max_drop: float = 40.0) -> ExportOptions:
    calibration = CalibrationOptions(str(photographs), tiles=6)
    return ExportOptions((target,), (TILE,), calibration=calibration, search=True, max_drop=max_drop)


@pytest.mark.parametrize("target", [pytest.param("openvino-int8", marks=pytest.mark.slow), "onnxruntime-int8"])
def test_a_search_ends_with_layers_that_run(checkpoint: Path, photographs: Path, tmp_path: Path, target: str) -> None:
    export_bundle(checkpoint, tmp_path / "bundle", options(photographs, target))
    (artifact,) = read_manifest(tmp_path / "bundle").artifacts
    found = to_json(artifact.choice.int8)
    assert found["how"] == "searched" and found["limits"]["mean_db"] == 40.0
    chosen = next(row for row in found["candidates"] if row["name"] == found["chosen"])
    assert chosen["layers"] == len(found["layers"]) > 0
    most = found["limits"]
    within = {"drop_db": most["mean_db"], "drop_worst_db": most["worst_db"], "ssim_drop": most["ssim"]}
    held = [row["ms"] for row in found["candidates"] if all(abs(row[it]) <= limit for it, limit in within.items())]
    assert chosen["ms"] <= SAME * min(held) + 0.001
    assert "default" in {row["name"] for row in found["candidates"]}
    assert not any(".variance" in name for name in found["layers"])
    measured = found["layers_measured"]
    assert all(row["to_float_worst_db"] <= row["to_float_db"] < 200 for row in measured.values())
    with open_runner(tmp_path / "bundle", target, threads=1) as run:
        assert run.info.precision_mismatch is None


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_an_interrupted_search_goes_on(
    checkpoint: Path, photographs: Path, tmp_path: Path, own_cache: Path, sent: int, code: int
) -> None:
    """Killed or stopped by Ctrl-C after some layers, it measures only the others; what it left behind is no bundle."""
    out = tmp_path / "bundle"
    command = [sys.executable, "-m", "dlgsanet", "export", str(checkpoint), "-o", str(out), "--to", "openvino-int8"]
    command += ["--tile", "20x24", "--search", "--max-drop", "40"]
    command += ["--calibration", str(photographs), "--calibration-tiles", "6"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while len(measured(tmp_path)) < 3 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, sent)
        _, told = process.communicate(timeout=60)
    assert process.returncode == code and "Traceback" not in told
    before = measured(tmp_path)
    assert len(before) >= 3 and not out.exists()
    assert sent == signal.SIGKILL or [it.name for it in tmp_path.iterdir()] == ["cache"]  # Ctrl-C leaves nothing else
    said: list[str] = []
    export_bundle(checkpoint, out, options(photographs, "openvino-int8"), said.append)
    after = measured(tmp_path)
    assert after[: len(before)] == before
    assert sum(line.startswith("layer ") for line in said) == len(after) - len(before)
    assert not any(line.startswith("calibrating") for line in said)
    assert any("s left" in line for line in said)


def measured(tmp_path: Path) -> list[str]:
    (found,) = list((tmp_path / "cache" / "dlgsanet").glob("searches/*/losses.jsonl")) or [None]
    return [] if found is None else found.read_text().split("\n")[:-1]


def test_a_search_without_int8_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--search chooses INT8 layers"):
        export_bundle(checkpoint, tmp_path / "bundle", ExportOptions(("openvino-fp32",), (TILE,), search=True))


def test_a_torn_line_is_measured_again(tmp_path: Path) -> None:
    place = tmp_path / "journal.jsonl"
    assert Journal(place).once("a", lambda: 1) == 1
    with place.open("a") as file:
        file.write('["b", 2')
    journal = Journal(place)
    assert "a" in journal and "b" not in journal
    assert journal.once("a", lambda: 5) == 1 and journal.once("b", lambda: 3) == 3
    assert [json.loads(line) for line in place.read_text().splitlines()] == [["a", 1], ["b", 3]]


def test_the_limits_are_those_of_the_gate() -> None:
    limits = SearchLimits()
    assert (limits.mean_db, limits.worst_db, limits.ssim) == (INT8.drop_mean_db, INT8.drop_worst_db, INT8.ssim_drop)


def test_units_and_roles() -> None:
    block = "deep_feature_extraction.1.body.2."
    names = [f"{block}IDynamicDWConv.dynamic.{part}.Conv" for part in ("steered.0", "steered.1", "constant")]
    names += [f"{block}IDynamic_ffn.project_in_a.Conv", f"{block}norm1.variance.Conv", "deep_feature_extraction.2.Conv"]
    found = units(names)
    assert list(found.values()) == [names[:3], names[3:4], names[5:]]
    assert [role(unit) for unit in found] == ["IDynamicDWConv.dynamic", "ffn.project_in", "body"]
    assert role("deep_feature_extraction.0.body.4") == "body" and role("overlap_embed.0.proj") == "overlap_embed.0.proj"


def test_layers_that_answer_in_8_bits_keep_out_of_the_residual_stream() -> None:
    group = "deep_feature_extraction.0"
    inside = [f"{group}.body.0.IDynamicDWConv.project_in.Conv", f"{group}.body.1.restormer_attn.pointwise.0.Conv"]
    joins = [f"{group}.body.0.IDynamicDWConv.project_out.Conv", f"{group}.body.2.Conv"]
    trunk_end = "deep_feature_extraction.1.Conv"
    never = [f"{group}.body.0.IDynamic_ffn.project_out.Conv", trunk_end, "upsample.0.Conv"]
    layers = dict.fromkeys((*inside, *joins, *never), True) | {f"{group}.body.0.IDynamic_ffn.dwconv_a.Conv": False}
    assert chosen_by_default(layers, rounded=False) == [*inside, *joins]
    assert chosen_by_default(layers, rounded=True) == inside
    assert [name for name in layers if is_trunk_end(name)] == [trunk_end]


def test_a_set_that_is_as_fast_but_loses_less_is_taken(tmp_path: Path) -> None:
    """The choice itself, on figures that are known: 0.5 % is no gain, a set over the limits is none at all."""
    losses = {"few": Loss(60, 60, 1e-6, 0.001, 0.001, 0), "many": Loss(50, 50, 1e-5, 0.04, 0.04, 0),
              "all": Loss(40, 30, 1e-4, 0.06, 0.06, 0)}  # fmt: skip
    found = {name: MeasuredSet(name, (name,), ms, losses[name]) for name, ms in
             (("all", 10.0), ("many", 20.0), ("few", 20.1))}  # fmt: skip
    assert fastest(tuple(found.values()), SearchLimits()).name == "few"
    assert fastest((found["all"], found["many"]), SearchLimits()).name == "many"
    with pytest.raises(GateError, match=r"no choice of INT8 layers holds 0\.05 dB"):
        fastest((found["all"],), SearchLimits())
