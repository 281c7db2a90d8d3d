"""The verbs through the front door: what is printed, what is returned, what is left behind."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dlgsanet.__main__ import main
from export import commands
from export.bundle import writer as bundle
from export.bundle.options import ExportOptions, ExportRequest
from export.quantization.options import CalibrationOptions
from export.targets.choice import parse_targets
from export.targets.table import TARGETS
from runtimes.bundle.manifest import read_manifest

SMALL = ["--tile", "24x20"]


def test_export_writes_a_bundle_and_says_what_is_in_it(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "b"
    assert main(["export", str(checkpoint), "-o", str(out), "--to", "onnxruntime", *SMALL, "--tile", "32"]) == 0
    assert [artifact.id for artifact in read_manifest(out).artifacts] == [
        "onnxruntime-fp32-24x20",
        "onnxruntime-fp32-32x32",
    ]
    said = capsys.readouterr().err
    assert "onnxruntime-fp32-24x20" in said and "basis" in said and f"next: dlgsanet check {out}" in said


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--to", "opnvino"], 2, "did you mean openvino"),
        (["--to", "onnxruntime", "--precision", "bf16"], 2, "no bf16 convolution"),
        (["--precision", "fp23"], 2, "unknown precision"),
        (["--tile", "0"], 2, "at least 1x1"),
        (["--tile", "-1"], 2, "at least 1x1"),
        (["--tile", "100000"], 2, "GiB are free"),
        (["--frame", "1080"], 2, "expected a frame such as 1920x1080"),
        (["--lowering", "unfolded"], 2, "unknown lowering"),
        (["--activation", "tanh"], 2, "unknown attention activation"),
        (["--calibration", "photos"], 2, "--calibration is for INT8 targets"),
        (["--precision", "int8", "--calibration-tiles", "0"], 2, "at least 1 calibration tile"),
    ],
)
def test_wrong_usage_is_one_line(
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    message: str,
) -> None:
    assert main(["export", str(checkpoint), "-o", str(tmp_path / "b"), *words]) == code
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def request(monkeypatch: pytest.MonkeyPatch, *words: str) -> ExportRequest:
    """What reaches the verb."""
    heard: list[ExportRequest] = []
    monkeypatch.setattr(commands, "export", lambda request, voice: heard.append(request))
    assert main(["export", "m", "-o", "b", *words]) == 0
    return heard[0]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["--to", "trt"], "tensorrt"),
        (["--to", "engine"], "tensorrt"),
        (["--to", "ov,onnx"], "openvino onnxruntime"),
        (["--to", "ORT"], "onnxruntime"),
        (["--to", "mlpackage"], "coreml"),
        (["--to", "Apple"], "coreml"),
        (["--to", "OpenVINO"], "openvino"),
        (["--to", "OV-bf16", "--to", "trt-fp16,ort-fp32"], "openvino-bf16 tensorrt-fp16 onnxruntime-fp32"),
    ],
)
def test_targets_are_called_as_people_call_them(monkeypatch: pytest.MonkeyPatch, typed: list[str], meant: str) -> None:
    options = request(monkeypatch, *typed).options
    assert parse_targets(options.targets, ()) == parse_targets(meant.split(), ())


def test_what_is_typed_is_what_export_gets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert request(monkeypatch).options == ExportOptions()
    words = (
        "--to ov,ort --precision fp32 --tile 128,64x48,auto --frame 320x180 "
        "--basis-rank 3 --max-drop 0.1 --calibration d --search"
    )
    wanted = ExportOptions(
        ("ov", "ort"),
        ((128, 128), (64, 48), "auto"),
        frames=((180, 320),),
        precisions=("fp32",),
        basis_rank=3,
        max_drop=0.1,
        calibration=CalibrationOptions("d"),
        search=True,
    )
    assert request(monkeypatch, *words.split()).options == wanted
    (tmp_path / "mine.toml").write_text(
        '[export]\nto = ["ov", "ort"]\ntile = ["128", "64x48", "auto"]\nframe = "320x180"\nprecision = "fp32"\n'
        'basis-rank = 3\nmax-drop = 0.1\ncalibration = "d"\nsearch = true\n'
    )
    assert request(monkeypatch, "--options", str(tmp_path / "mine.toml")).options == wanted


def test_what_was_made_as_json(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", str(checkpoint), "-o", str(tmp_path / "b"), "--to", "ort", *SMALL, "--json", "-q"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    (made,) = json.loads(out)["artifacts"]
    assert made["artifact"] == "onnxruntime-fp32-24x20" and made["bytes"] > 0 and err == ""


def test_an_unknown_model_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "nano-x5", "-o", str(tmp_path / "b")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_missing_backend_that_was_asked_for_is_unavailable(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hide(monkeypatch, "openvino")
    assert main(["export", str(checkpoint), "-o", str(tmp_path / "b"), "--to", "openvino", *SMALL]) == 3
    assert "pip install 'dlgsanet-edge[export,openvino]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_by_default_a_missing_backend_is_left_out_and_said(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hide(monkeypatch, "openvino", "coremltools")
    assert main(["export", str(checkpoint), "-o", str(tmp_path / "b"), *SMALL]) == 0
    said = capsys.readouterr().err
    assert "left out openvino-bf16: needs openvino (pip install 'dlgsanet-edge[export,openvino]')" in said
    assert {artifact.backend for artifact in read_manifest(tmp_path / "b").artifacts} == {"onnxruntime"}
    hide(monkeypatch, "onnx")
    assert main(["export", str(checkpoint), "-o", str(tmp_path / "c"), *SMALL]) == 3


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    real = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> object:
        return None if name in names else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


def test_ctrl_c_returns_130_and_leaves_nothing(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle, "write_pack", stop)
    assert main(["export", str(checkpoint), "-o", str(tmp_path / "b"), "--to", "onnxruntime", *SMALL]) == 130
    assert not list(tmp_path.iterdir())


def test_formats_shows_every_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["formats"]) == 0
    text = capsys.readouterr().out
    assert all(row.name in text for row in TARGETS)
    assert "not onnxruntime-bf16" in text
    assert main(["formats", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [row["target"] for row in listed["targets"]] == [row.name for row in TARGETS]


def test_formats_needs_neither_torch_nor_a_backend() -> None:
    script = (
        "import sys\n"
        "for name in ('torch', 'onnx', 'openvino', 'onnxruntime', 'safetensors'): sys.modules[name] = None\n"
        "from dlgsanet.__main__ import main\n"
        "sys.exit(main(['formats']))\n"
    )
    repository = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "openvino-bf16" in done.stdout
