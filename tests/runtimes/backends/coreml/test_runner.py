"""Core ML's runner where there is no Mac: the line it says; its logic against a stand-in for coremltools."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from dlgsanet.errors import BackendError, ExitCode, InputError, UnavailableError
from runtimes import open_runner
from runtimes.backends.coreml import ENGINE, REFERENCE
from runtimes.backends.coreml import runner as coreml_runner
from runtimes.backends.coreml.runner import unit_shares
from tests.runtimes.backends.coreml.fake_coreml import MLCPUComputeDevice, plan, pretend

NAME = "coreml-fp32"


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch, kit) -> dict[str, object]:
    """A Mac in which Core ML computes the tiny network in NumPy; what it was asked for is noted."""
    return pretend(monkeypatch, kit.numpy)


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML is here")
def test_elsewhere_it_says_in_one_line_that_core_ml_cannot_run(packages) -> None:
    with pytest.raises(UnavailableError, match=r"Core ML runs on macOS only; .*coreml-reference") as caught:
        open_runner(packages, NAME).__enter__()
    assert caught.value.exit_code is ExitCode.UNAVAILABLE and "\n" not in str(caught.value)


@pytest.mark.parametrize(("device", "units"), [("CPU", "cpu"), ("gpu", "gpu"), ("NPU", "ne"), ("ALL", "all")])
def test_a_device_is_a_compute_unit_and_the_plan_is_reported(packages, kit, mac, device, units) -> None:
    lr = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)
    with open_runner(packages, NAME, device=device) as run:
        assert np.abs(run.infer(lr) - kit.numpy(lr)).max() < 1e-6
        assert "Neural Engine 75 %, CPU 25 %" in run.info.device
        assert run.info.reported_precision == "fp32"
    assert mac["function"] is None and mac["units"] == units and mac["plan"] == ("compiled", units)
    assert str(mac["path"]).endswith("coreml/fp32.mlpackage")


def test_a_function_is_asked_for_by_its_name(functions, kit, mac) -> None:
    lr = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)
    with open_runner(functions, NAME, device="ALL") as run:
        assert np.abs(run.infer(lr) - kit.numpy(lr)).max() < 1e-6
        assert "Neural Engine 75 %, CPU 25 %" in run.info.device
    assert mac["function"] == "tile"


def test_unknown_devices_are_refused(packages, mac) -> None:
    with pytest.raises(InputError, match=r"from CPU, GPU, NPU, ALL, found 'TPU'"):
        open_runner(packages, NAME, device="TPU").__enter__()


def test_a_changed_package_is_refused_before_core_ml_sees_it(packages, mac) -> None:
    weights = packages / "coreml/fp32.mlpackage/Data/com.apple.CoreML/weights/weight.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="was changed"):
        open_runner(packages, NAME).__enter__()
    assert not mac


@pytest.mark.parametrize(("proof", "kind"), [(lambda *_: None, InputError), (lambda *_: 1 / 0, BackendError)])
def test_what_core_ml_refuses_is_the_files_fault_where_it_runs_others(packages, mac, monkeypatch, proof, kind) -> None:
    def broken(path: str, compute_units: str) -> None:
        raise RuntimeError("Error in declaring network.")

    monkeypatch.setattr(ENGINE.load().models, "MLModel", broken)
    monkeypatch.setattr(coreml_runner, "prove", proof)
    with pytest.raises(kind, match="Core ML cannot load it: Error in declaring network"):
        open_runner(packages, NAME).__enter__()


def test_shares_without_a_plan_are_no_shares() -> None:
    assert unit_shares(plan([None]), "main") == "the compute plan names no processor"
    other = plan([MLCPUComputeDevice()], "tile_16x16")
    assert unit_shares(other, "tile_24x24") == "the compute plan names no processor"
    assert unit_shares(other, "tile_16x16") == "CPU 100 %"


@pytest.mark.mac
@pytest.mark.parametrize("name", ["coreml-fp32", "coreml-fp16"])
@pytest.mark.parametrize("device", ["CPU", "NPU", "ALL"])
def test_core_ml_agrees_with_the_interpreter(packages, name, device) -> None:
    lr = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)
    with open_runner(packages, name, device=device) as run, open_runner(packages, name, device=REFERENCE) as ours:
        assert np.abs(run.infer(lr) - ours.infer(lr)).max() < 5e-3


@pytest.mark.mac
def test_core_ml_runs_the_function_that_is_named(functions) -> None:
    lr = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)
    with open_runner(functions, NAME, device="ALL") as run, open_runner(functions, NAME, device=REFERENCE) as ours:
        assert np.abs(run.infer(lr) - ours.infer(lr)).max() < 5e-3
