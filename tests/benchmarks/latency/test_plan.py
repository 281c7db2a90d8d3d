"""The plan of `bench`: what it takes from a bundle, and what it refuses, with nothing run."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.latency import plan
from benchmarks.latency.options import BenchOptions
from benchmarks.latency.plan import contestants, plan_bench
from dlgsanet.errors import InputError, UnavailableError
from runtimes.backends.registry import interpreters
from tests.benchmarks.bundles import TILE, make_bundle


def test_it_holds_what_was_asked_for(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "bundle", (None, "slow"))
    made = plan_bench(
        BenchOptions(folder, peers=("official", "official-compiled"), require=("fake-fp32-8x8<torch-official",))
    )
    assert [it.id for it in made.artifacts] == ["fake-fp32-8x8", "fake-fp32-slow-8x8"]
    assert made.tiles == [TILE] and made.pictures[TILE].shape == (1, 3, *TILE)
    assert [it.text for it in made.requirements] == ["fake-fp32-8x8<torch-official"]
    assert made.asked == ["", "torch-official"]


def test_a_peer_without_torch_still_takes_part_and_will_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise UnavailableError("no torch")

    monkeypatch.setattr(plan, "try_formats", missing)
    made = plan_bench(BenchOptions(make_bundle(tmp_path / "bundle"), peers=("official",)))
    assert [it.name for it in contestants(made)] == ["fake-fp32-8x8", "torch-official-8x8"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runs": 4}, "at least 5 runs"),
        ({"peers": ("oficial",)}, "did you mean official"),
        ({"peer_folder": Path("nowhere")}, "no folder of peers"),
        ({"device": interpreters()[0]}, "interpreter"),
        ({"require": ("a<=b",)}, "expected --require like"),
        ({"require": ("fake-fp32<torch-official",)}, "add it as a --peer"),
        ({"artifacts": ("nothing",)}, "unknown artifact"),
        ({"json": Path("bundle/manifest.json")}, "would be lost"),
    ],
)
def test_what_can_be_refused_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make_bundle(tmp_path / "bundle")
    with pytest.raises(InputError, match=words):
        plan_bench(BenchOptions(Path("bundle"), **changes))  # type: ignore[arg-type]
