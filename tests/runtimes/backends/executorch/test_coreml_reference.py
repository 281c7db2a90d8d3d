"""ExecuTorch's programs for Core ML: judged by an interpreter of the package inside, run by nothing here. Neither
ExecuTorch nor coremltools is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlgsanet.errors import InputError, UnavailableError
from runtimes import open_runner
from runtimes.backends.coreml import REFERENCE
from runtimes.backends.executorch.coreml_reference import DELEGATE, read_delegate, with_output
from runtimes.backends.executorch.layers import ProgramFile, require_whole
from runtimes.backends.registry import BUILT_IN, judges
from runtimes.doctor import examine
from runtimes.probe_network import example, expected
from tests.runtimes.backends.executorch.executorch_kit import LEFT_COREML, TINY, TINY_COREML, add_artifact

BACKEND = "executorch-coreml"
NAME = f"{BACKEND}-fp16-8x8"


def add(bundle: Path, kit: Any, data: bytes) -> None:
    add_artifact(bundle, kit, data, precision="fp16", backend=BACKEND)


@pytest.fixture
def made(bundle: Path, kit: Any) -> Path:
    add(bundle, kit, TINY_COREML)
    return bundle


def test_the_interpreter_computes_the_file(made: Path) -> None:
    with open_runner(made, NAME, device=REFERENCE) as run:
        assert (run.info.backend, run.info.device, run.info.reported_precision) == (BACKEND, REFERENCE, "fp16")
        assert run.macs() == {"fp16": 8 * 8 * 12 * 3 * 9}
        np.testing.assert_allclose(run.infer(example()), expected(), atol=2e-3)


@pytest.mark.parametrize("device", ["CPU", "GPU", "cpu"])
def test_nothing_here_runs_it(made: Path, device: str) -> None:
    with (
        pytest.raises(UnavailableError, match=r"on Apple devices, and not here; .*coreml-reference"),
        open_runner(made, NAME, device=device),
    ):
        pass


def test_the_inside_is_not_shown(made: Path) -> None:
    with (
        pytest.raises(UnavailableError, match="nothing of its inside"),
        open_runner(made, NAME, device=REFERENCE, taps=("maps",)),
    ):
        pass


def test_a_verdict_says_whose_it_is(bundle: Path, kit: Any) -> None:
    artifact = add_artifact(bundle, kit, TINY_COREML, precision="fp16", backend=BACKEND)
    (judge,) = judges(artifact, "CPU")
    assert (judge.name, judge.device) == (NAME, REFERENCE)
    assert judge.note.startswith("not run on Apple hardware")


def test_the_doctor_calls_it_no_engine_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    finding = examine(BUILT_IN[BACKEND])
    assert (finding.status, finding.devices) == ("no runner", ())
    assert "apps on Apple devices" in finding.note


def test_what_is_left_to_the_processor_is_named() -> None:
    assert ProgramFile(LEFT_COREML).left == {"aten::pixel_shuffle": 1}
    with pytest.raises(ValueError, match="leaves 1 aten::pixel_shuffle to the processor"):
        require_whole(LEFT_COREML, DELEGATE)
    with pytest.raises(ValueError, match="expected one call of CoreMLBackend, found XnnpackBackend"):
        require_whole(TINY, DELEGATE)
    require_whole(TINY_COREML, DELEGATE)


@pytest.mark.parametrize(
    "data", [LEFT_COREML, TINY, TINY_COREML[:400], b"", TINY_COREML.replace(b"ledomlm.", b"ludomlm.")]
)
def test_what_is_no_such_program_is_the_files_fault(bundle: Path, kit: Any, data: bytes) -> None:
    add(bundle, kit, data)
    with pytest.raises(InputError, match="export it again"), open_runner(bundle, NAME, device=REFERENCE):
        pass


def test_the_result_has_the_manifests_name() -> None:
    model, _ = read_delegate(TINY_COREML)
    named = with_output(model, "sr")
    assert [feature.name for feature in named.outputs] == ["sr"] and named.results == ("sr",)
    assert named.operations[-1].outputs[0][0] == "sr" and named.operations[:-1] == model.operations[:-1]
