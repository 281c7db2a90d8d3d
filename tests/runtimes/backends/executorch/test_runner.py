"""ExecuTorch: what its delegate took is said; a damaged file is one line, also where the engine ends its process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlgsanet.errors import BackendError, InputError, UnavailableError
from runtimes import open_runner
from runtimes.backends.executorch import trial
from runtimes.bundle.manifest import read_manifest
from runtimes.probe_network import example, expected
from tests.runtimes.backends.executorch.executorch_kit import NAME, TINY, add_artifact

pytest.importorskip("executorch.extension", reason="needs the extra executorch")


@pytest.fixture
def made(bundle: Path, kit: Any) -> Path:
    add_artifact(bundle, kit)
    return bundle


def test_the_delegate_and_the_precision_are_told(made: Path) -> None:
    with open_runner(made, NAME, threads=1) as run:
        assert (run.info.device, run.info.reported_precision, run.info.threads) == ("CPU (XNNPACK)", "fp32", 1)
        assert run.info.precision_mismatch is None
        assert run.macs() == {"fp32": 8 * 8 * 12 * 3 * 9}
        np.testing.assert_allclose(run.infer(example()), expected(), atol=1e-5)


def test_a_file_that_is_not_what_its_name_says_is_seen(bundle: Path, kit: Any) -> None:
    add_artifact(bundle, kit, precision="int8")
    with open_runner(bundle, "executorch-int8-8x8", threads=1) as run:
        assert "int8 was requested" in (run.info.precision_mismatch or "")


def test_other_devices_are_refused(made: Path) -> None:
    with pytest.raises(UnavailableError, match="no device 'GPU'"), open_runner(made, NAME, device="GPU"):
        pass


def test_the_inside_is_not_shown(made: Path) -> None:
    with pytest.raises(UnavailableError, match="nothing of its inside"), open_runner(made, NAME, taps=("maps",)):
        pass


@pytest.mark.parametrize("data", [TINY[:200], TINY[:-100], b"", TINY.replace(b"XN01", b"XX01")])
def test_a_damaged_file_is_the_files_fault(bundle: Path, kit: Any, data: bytes) -> None:
    add_artifact(bundle, kit, data)
    with pytest.raises(InputError, match="export it again"), open_runner(bundle, NAME, threads=1):
        pass


def test_an_engine_that_ends_its_process_is_one_line(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(job: object) -> object:
        raise BackendError("its process ended (SIGSEGV)")

    monkeypatch.setattr(trial, "ask", crash)
    with pytest.raises(InputError, match=r"SIGSEGV.*export it again"), open_runner(made, NAME, threads=1):
        pass


def test_a_file_of_another_size_than_the_manifests_is_refused(bundle: Path, kit: Any) -> None:
    made = add_artifact(bundle, kit)
    sides = replace(made.input, shape=(1, 3, 24, 16)), replace(made.output, shape=(1, 3, 48, 32))
    other = replace(made, id="executorch-fp32-24x16", tile=(24, 16), input=sides[0], output=sides[1])
    kit.write(bundle, kit.manifest([*read_manifest(bundle).artifacts[:-1], other]))
    with pytest.raises(InputError, match="24"), open_runner(bundle, "executorch-fp32", threads=1):
        pass
