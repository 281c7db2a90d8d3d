from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.shelf import KeptEntries
from export import ExportOptions, export_bundle
from export.machine.candidate_runner import medians
from export.targets.table import Target
from export.tuning import lowering_trials as trial
from export.tuning.lowering_choice import CANDIDATES, Tuner, default_choice
from runtimes.bundle.manifest import read_manifest
from runtimes.machine.clock import time_interleaved

MakeModel = Callable[..., DLGSANet]
TARGET = Target("onnxruntime", "fp32", (20, 20))


def silent(step: str) -> None: ...


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Two candidates whose work is known: `shift` does a twentieth of what `basis` does. Counts the timings."""
    calls: list[int] = []

    def work(graphs: Mapping[str, Any], target: Target, scale: int, *, runs: int, **_: Any) -> dict[str, list[float]]:
        calls.append(runs)
        loads = {"basis": 200_000, "shift": 10_000}
        return time_interleaved({name: lambda n=loads[name]: sum(range(n)) for name in graphs}, warmup=1, runs=runs)

    monkeypatch.setattr(trial, "time_graphs", work)
    return calls


def test_the_faster_of_two_planted_candidates_is_chosen(make_model: MakeModel, planted: list[int]) -> None:
    for order in (("basis", "shift"), ("shift", "basis")):
        choice = Tuner(make_model(), KeptEntries(on=False), silent, order)(TARGET)
        assert choice.lowering == "shift" and choice.how == "measured"
        assert list(choice.ms) == ["shift", "basis"] and choice.ms["shift"] < choice.ms["basis"]
        assert choice.machine["threads"] >= 1 and "numpy" in choice.machine["versions"]


@pytest.fixture
def kept(own_cache: Path) -> Path:
    """Where times are kept in this test."""
    return own_cache.parent


def test_times_are_reused_for_the_same_graphs_only(make_model: MakeModel, planted: list[int], kept: Path) -> None:
    tuner = Tuner(make_model(), KeptEntries(), silent, ("basis", "shift"))
    first, second = tuner(TARGET), tuner(TARGET)
    assert first == second and len(planted) == 1
    tuner(Target("onnxruntime", "fp32", (24, 20)))
    Tuner(make_model(channels=18), KeptEntries(), silent, ("basis", "shift"))(TARGET)
    assert len(planted) == 3


@pytest.mark.parametrize(
    "content", ["", "[]", '{"basis": 1.0}', '{"basis": 1.0, "shift": "fast"}', '{"basis": 1.0, "shift": -1.0}']
)
def test_a_spoilt_entry_is_measured_again(make_model: MakeModel, planted: list[int], kept: Path, content: str) -> None:
    tuner = Tuner(make_model(), KeptEntries(), silent, ("basis", "shift"))
    tuner(TARGET)
    (file,) = kept.rglob("*.kept")
    KeptEntries().keep("forms", file.stem, {"times.json": content.encode()})
    tuner(TARGET)
    assert len(planted) == 2
    tuner(TARGET)
    assert len(planted) == 2


def test_what_cannot_run_here_keeps_the_default_and_says_why(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any, **__: Any) -> dict[str, list[float]]:
        raise UnavailableError("no such device")

    monkeypatch.setattr(trial, "time_graphs", missing)
    choice = Tuner(make_model(), KeptEntries(on=False), silent, ("basis", "shift"))(TARGET)
    assert (choice.lowering, choice.how) == (default_choice(TARGET).lowering, "default")
    assert "no such device" in choice.reason


def test_a_static_network_is_not_tuned(make_model: MakeModel, planted: list[int]) -> None:
    choice = Tuner(make_model(dynamic=False), KeptEntries(on=False), silent)(TARGET)
    assert choice.how == "default" and "static" in choice.reason and not planted


def test_the_naive_form_is_no_candidate() -> None:
    assert "unfold" not in CANDIDATES and "basis" in CANDIDATES


def test_a_tuned_bundle_records_the_choice_and_the_losing_times(checkpoint: Path, tmp_path: Path) -> None:
    """No plant: the real candidates on the real engine."""
    options = ExportOptions(("onnxruntime",), ((20, 20),), tune=True)
    artifact = export_bundle(checkpoint, tmp_path / "b", options).artifacts[0]
    assert artifact.choice.how == "measured" and set(artifact.choice.ms) == set(CANDIDATES)
    assert artifact.lowering == artifact.choice.lowering == min(artifact.choice.ms, key=artifact.choice.ms.get)
    assert read_manifest(tmp_path / "b").artifacts[0].choice == artifact.choice
    assert all(getattr(artifact.graph, name) > 0 for name in ("onnx_nodes", "macs", "network_macs"))


def test_tuning_and_giving_a_lowering_contradict_each_other(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give one of them"):
        export_bundle(checkpoint, tmp_path / "b", ExportOptions(("onnxruntime",), lowering="shift", tune=True))


def test_medians_come_fastest_first() -> None:
    assert list(medians({"a": [3.0, 1.0, 2.0], "b": [1.0, 1.0, 9.0]}).items()) == [("b", 1.0), ("a", 2.0)]
