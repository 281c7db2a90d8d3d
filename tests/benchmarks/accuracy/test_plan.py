"""The plan of `check`: what it takes from a bundle, and what it refuses, with nothing run."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.accuracy import plan
from benchmarks.accuracy.options import CheckOptions
from benchmarks.accuracy.plan import plan_check
from benchmarks.subjects.reference import StoredReference
from dlgsanet.errors import InputError
from tests.benchmarks.bundles import make_bundle


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without torch, on which opening a runner is a fault of the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a plan opens no runner")

    monkeypatch.setattr(plan, "open_runner", refuse)
    monkeypatch.setattr(plan, "open_reference", lambda *_: StoredReference("stored", 4))


def test_it_holds_what_was_asked_for(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "bundle", (None, "slow", "missing"))
    made = plan_check(CheckOptions(folder, artifacts=("fake-fp32-8x8", "fake-fp32-slow")))
    assert [it.id for it in made.artifacts] == ["fake-fp32-8x8", "fake-fp32-slow-8x8"]
    assert [it.artifact for it in made.subjects] == ["fake-fp32-8x8", "fake-fp32-slow-8x8"]
    assert (made.origin.name, made.origin.scale) == ("tiny-x2", 2)
    assert (made.note.name, made.note.images) == ("parity pack", 2)
    assert made.looks == () and made.network == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"artifacts": ("fake-fp23",)}, "did you mean fake-fp32-8x8"),
        ({"data": Path("x"), "photographs": True}, "found both"),
        ({"data": Path("nowhere")}, "nowhere"),
        ({"max_drop_db": -1.0}, "limit"),
        ({"json": Path("bundle/manifest.json")}, "would be lost"),
        ({"reference": Path("x.onnx")}, "--reference is for an ONNX file, and bundle is a bundle"),
        ({"tile": (8, 8)}, "--tile is for an ONNX file"),
        ({"precision": "fp16"}, "--precision is for an ONNX file"),
        ({"top": 255.0}, "--range is for an ONNX file"),
        ({"channels": "bgr"}, "--channels is for an ONNX file"),
    ],
)
def test_what_can_be_refused_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make_bundle(tmp_path / "bundle")
    with pytest.raises(InputError, match=words):
        plan_check(CheckOptions(Path("bundle"), **changes))  # type: ignore[arg-type]


def test_a_plan_does_not_change(tmp_path: Path) -> None:
    made = plan_check(CheckOptions(make_bundle(tmp_path / "bundle")))
    with pytest.raises(AttributeError):
        made.subjects = ()  # type: ignore[misc]
