"""`dlgsanet build` on a machine whose GPU and TensorRT are stand-ins, in real processes: what is built, what is not,
and what a builder can do to its user."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from dlgsanet.__main__ import main
from dlgsanet.errors import BackendError, InputError, UnavailableError
from runtimes import open_runner
from runtimes.backends.tensorrt.building import run as tensorrt_builder
from runtimes.backends.tensorrt.building.options import BuildOptions
from runtimes.backends.tensorrt.building.run import build_engines
from runtimes.backends.tensorrt.compiling import preflight
from runtimes.backends.tensorrt.compiling.compile import CompileJob, compile_engine
from runtimes.backends.tensorrt.lint.lint import require_clean
from runtimes.bundle.manifest import manifest_json, read_manifest
from runtimes.machine.clock import now_ms

ROOT = Path(__file__).resolve().parents[5]
FP16 = "tensorrt/tensorrt-fp16-16x16.sm87.engine"
INT8 = "tensorrt/tensorrt-int8-16x16.sm87.engine"


def sidecar(bundle: Path, engine: str) -> dict:
    return json.loads((bundle / f"{engine}.json").read_text())


def debris(bundle: Path) -> list[str]:
    return [path.name for path in bundle.rglob("*") if path.name.startswith(".tmp") or path.name.endswith(".part")]


def test_engines_are_built_and_then_run(graphs, device, capsys):
    device()
    assert main(["build", str(graphs), "--workspace", "64", "--optimization", "2"]) == 0
    out, err = capsys.readouterr()
    assert "Fake Orin (sm87)" in err and "2 DLA cores, not used" in err and "Building: 1 of 2" in err
    assert f"{FP16}: tensorrt 10.3.0, sm87, strongly typed" in out
    assert "2 kernels (1 CaskConvolution fp16, 1 kgen fp16)" in out
    found = sidecar(graphs, FP16)
    assert (found["version"], found["sm"], found["scales"]) == ("10.3.0", "sm87", None)
    assert found["options"] == {"typing": "strong", "tf32": "off", "workspace_mb": "64", "optimization": "2"}
    assert found["kernels"]["activation_bytes"] == 4096
    assert sidecar(graphs, INT8)["scales"] == "fp32"
    with open_runner(graphs, "tensorrt-fp16", device="GPU") as run:
        assert run.info.reported_precision == "fp16"
        assert run.info.versions["cuda"] == "libcudart.so"
    assert not debris(graphs)


def test_what_is_up_to_date_is_left_alone(graphs, device, capsys):
    device()
    asked = ["build", str(graphs), "--artifact", "tensorrt-fp16"]
    assert main(asked) == 0
    before = (graphs / FP16).stat().st_mtime_ns
    assert main(asked) == 0
    assert "up to date" in capsys.readouterr().out
    assert (graphs / FP16).stat().st_mtime_ns == before
    assert main([*asked, "--force"]) == 0
    assert (graphs / FP16).stat().st_mtime_ns != before
    (graphs / FP16).write_bytes(b"torn")  # and what is torn is not up to date
    assert main(asked) == 0
    assert (graphs / FP16).read_bytes() != b"torn"
    device(version="10.16.2")
    assert main([*asked, "--optimization", "1"]) == 0
    assert sidecar(graphs, FP16)["version"] == "10.16.2"


def test_the_timing_cache_is_used_again_and_a_torn_one_replaced(graphs, device, tmp_path):
    device()
    options = BuildOptions(("tensorrt-fp16",), force=True)
    build_engines(graphs, options)
    (cache,) = (tmp_path / "cache").rglob("*.timing")
    assert cache.name == "tensorrt-10.3.0-sm87.timing" and cache.read_bytes() == b"+"
    build_engines(graphs, options)
    assert cache.read_bytes() == b"++"
    cache.write_bytes(b"torn")
    build_engines(graphs, options)
    assert cache.read_bytes() == b"+"


def test_engines_are_told_as_json(graphs, device, capsys):
    device()
    words = ["build", str(graphs), "--artifact", "tensorrt-fp16", "--json"]
    assert main(words) == 0
    (fresh,) = json.loads(capsys.readouterr().out)
    assert (fresh["library"], fresh["version"], fresh["up_to_date"]) == ("tensorrt", "10.3.0", False)
    assert fresh["artifact"].startswith("tensorrt-fp16") and fresh["seconds"] >= 0
    assert main(words) == 0
    (again,) = json.loads(capsys.readouterr().out)
    assert again == {**fresh, "up_to_date": True, "seconds": None, "peak_mb": None}


def test_weak_typing_is_asked_for_and_said(graphs, device, capsys):
    device()
    assert main(["build", str(graphs), "--weak-typing"]) == 0
    assert "types chosen by TensorRT (weak)" in capsys.readouterr().out
    assert sidecar(graphs, INT8)["options"] == {"typing": "weak", "tf32": "off", "fp16": "allowed", "int8": "allowed"}
    assert "FP16" in (graphs / INT8).read_text() and "INT8" not in (graphs / FP16).read_text()
    device(weak=False)
    assert main(["build", str(graphs), "--weak-typing"]) == 3
    assert "no weak typing any more" in capsys.readouterr().err


def test_two_forms_of_scales_are_tried_in_order(graphs, device):
    device(mode="refuse", only="int8")
    with pytest.raises(UnavailableError, match=r"with fp32 scales: no tactic for conv3; with fp16 scales: no tactic"):
        build_engines(graphs, BuildOptions(("tensorrt-int8",)))
    assert not (graphs / INT8).exists()


def test_one_form_is_enough(graphs, device):
    device(mode="crash", only="graph in int8")
    said: list[str] = []
    stem = graphs / "tensorrt" / "tensorrt-int8-16x16.fp16-scales.onnx"
    # The stand-in fails for graphs with this text: give the second form another one, with its hash.
    stem.write_bytes(b"other scales")
    manifest = read_manifest(graphs)
    int8 = manifest.artifacts[1]
    files = {**int8.files, "tensorrt/tensorrt-int8-16x16.fp16-scales.onnx": sha256(b"other scales").hexdigest()}
    changed = replace(manifest, artifacts=(manifest.artifacts[0], replace(int8, files=files)))
    (graphs / "manifest.json").write_text(manifest_json(changed))
    (built,) = build_engines(graphs, BuildOptions(("tensorrt-int8",)), said.append)
    assert built.record.scales == "fp16" and built.record.onnx.endswith(".fp16-scales.onnx")
    assert any("with fp32 scales" in line and "SIGSEGV" in line for line in said)


def test_neither_form_is_exit_3_and_the_rest_is_built(graphs, device, capsys):
    device(mode="refuse", only="int8")
    assert main(["build", str(graphs)]) == 3
    out, err = capsys.readouterr()
    assert f"{FP16}:" in out and (graphs / FP16).exists() and not (graphs / INT8).exists()
    assert "use tensorrt-fp16, which is an artifact of its own" in err


@pytest.mark.parametrize(
    ("mode", "code", "message"),
    [
        ("crash", 70, r": compiling .* its process ended \(SIGSEGV\)"),
        ("refuse", 3, r" cannot be built by tensorrt 10\.3\.0 on sm87 \(no tactic for conv3\): update it, or use an"),
        ("unread", 3, r" cannot be built by .* \(node conv7: unsupported operator Oracle\)"),
    ],
)
def test_a_builder_that_fails_is_one_line(graphs, device, capsys, mode, code, message):
    """A crash is ours to explain; a graph that the builder refuses cannot be had with this version on this device."""
    device(mode=mode)
    assert main(["build", str(graphs), "--artifact", "tensorrt-fp16"]) == code
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.match(f"dlgsanet: tensorrt-fp16-16x16{message}", last)
    assert not (graphs / FP16).exists() and not debris(graphs)


def test_an_old_engine_survives_a_failed_build(graphs, device):
    device()
    options = BuildOptions(("tensorrt-fp16",), force=True)
    build_engines(graphs, options)
    before = (graphs / FP16).read_bytes()
    device(mode="crash")
    with pytest.raises(BackendError):
        build_engines(graphs, options)
    assert (graphs / FP16).read_bytes() == before


def test_a_hang_ends_at_the_timeout(graphs, device):
    device(mode="hang")
    start = now_ms()
    with pytest.raises(BackendError, match=r"did not end within 2 s and was stopped"):
        build_engines(graphs, BuildOptions(("tensorrt-fp16",), timeout_s=2.0))
    assert now_ms() - start < 20e3


def test_ctrl_c_ends_the_builder_too(graphs, device, cudart):
    device(mode="hang")
    code = (
        "import sys\n"
        "from runtimes.backends.tensorrt.building import run as tensorrt_builder\n"
        "from runtimes.backends.tensorrt.cuda import by_runtime_library as cuda_runtime\n"
        "tensorrt_builder.require_clean = lambda data, name: None\n"
        f"cuda_runtime.FOLDERS = ({str(cudart) + '/'!r},)\n"
        "from dlgsanet.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    )
    path = os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])
    process = subprocess.Popen(
        [sys.executable, "-c", code, "build", str(graphs)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    while "Building" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    children = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and err.strip().splitlines()[-1] == "dlgsanet: interrupted"
    assert children and not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert not debris(graphs)


def test_a_bundle_without_tensorrt_and_unknown_names(bundle, graphs, device):
    device()
    with pytest.raises(UnavailableError, match="no TensorRT graph to build an engine from"):
        build_engines(bundle, BuildOptions())
    with pytest.raises(InputError, match="no TensorRT artifact begins with 'tensorrt-fp8'"):
        build_engines(graphs, BuildOptions(("tensorrt-fp8",)))


def test_a_changed_graph_is_not_built(graphs, device):
    device()
    (graphs / "tensorrt" / "tensorrt-fp16-16x16.onnx").write_bytes(b"other")
    with pytest.raises(InputError, match="was changed after it was written"):
        build_engines(graphs, BuildOptions())


def test_a_graph_that_the_linter_refuses_never_reaches_the_builder(graphs, device, monkeypatch):
    device(mode="crash")
    monkeypatch.setattr(tensorrt_builder, "require_clean", require_clean)
    with pytest.raises(InputError, match=r"tensorrt-fp16-16x16\.onnx|an ONNX file"):
        build_engines(graphs, BuildOptions(("tensorrt-fp16",)))


def test_no_tensorrt_says_where_it_comes_from(graphs, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match="it comes with JetPack"):
        build_engines(graphs, BuildOptions())


def test_a_broken_tensorrt_is_said(graphs, device, tmp_path):
    device()
    (tmp_path / "packages" / "tensorrt.py").write_text("raise OSError('libnvinfer.so.10: cannot open')")
    with pytest.raises(UnavailableError, match=r"tensorrt is installed but does not work.*libnvinfer"):
        build_engines(graphs, BuildOptions())


@pytest.mark.parametrize(
    ("need", "message"),
    [
        (preflight.Need(1 << 40, 1), r"of memory, \d+ are free"),
        (preflight.Need(1, 1 << 40), r"of disk, '.*' has \d+"),
    ],
)
def test_too_little_room_is_said_with_the_estimate(tmp_path, need, message):
    with pytest.raises(UnavailableError, match=message):
        preflight.require_room(need, tmp_path, None, "a")


def test_a_full_gpu_is_refused_before_minutes_of_work(graphs, device, monkeypatch):
    device()
    monkeypatch.setenv("FAKE_CUDART", "full")
    with pytest.raises(UnavailableError, match="of GPU memory, 8 are free"):
        build_engines(graphs, BuildOptions(("tensorrt-fp16",)))


def test_a_device_only_package_builds_for_nothing_else(device, graphs, tmp_path):
    device()
    job = CompileJob("tensorrt", str(graphs / "tensorrt/tensorrt-fp16-16x16.onnx"), str(tmp_path / "e"), sm="sm86")
    with pytest.raises(UnavailableError, match="for the GPU that is here only, not for SM86"):
        compile_engine(job, 60.0, lambda step: None)
