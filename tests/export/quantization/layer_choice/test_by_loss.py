"""INT8 layers of a network whose names say nothing: as many as the limit holds, those that lose least."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import log10
from pathlib import Path
from types import SimpleNamespace

import pytest

from dlgsanet.errors import GateError
from export.machine.journal import Journal
from export.quantization.layer_choice.by_loss import AIM_DB, layers_by_loss, within
from export.quantization.layer_choice.sensitivity import Loss

ERRORS = {"a.Conv": 1e-8, "b.Conv": 5e-7, "c.Conv": 2e-6, "d.Conv": 1e-3}


def loss(error: float, drop: float = 0.0) -> Loss:
    return Loss(-10 * log10(error), 0.0, error, 0.0, drop, 0.0)


@dataclass
class Bench:
    """Layers whose errors add up, but for `together`, what joining costs besides; `least` make it INT8."""

    together: float = 0.0
    least: int = 1
    drop: float = 0.0
    opened: list[tuple[str, ...]] = field(default_factory=list)

    maker = SimpleNamespace(
        layers={
            **dict.fromkeys(ERRORS, True),
            "thin.Conv": False,
            "first_convolution.Conv": True,
            "last_convolution.Conv": True,
        }
    )
    target = SimpleNamespace(row=SimpleNamespace(name="engine-int8"))

    @contextmanager
    def open(self, folder: Path, chosen: Collection[str], *, exact: bool = False) -> Iterator[SimpleNamespace]:
        self.opened.append(tuple(chosen))
        assert exact
        yield SimpleNamespace(error=sum(ERRORS[name] for name in chosen) + self.together * (len(chosen) > 1))

    def named(self, chosen: Collection[str]) -> bool:
        return len(chosen) >= self.least


@dataclass
class Measure:
    drop: float = 0.0

    def loss(self, run: SimpleNamespace, tiles: int | None = None) -> Loss:
        return loss(run.error, self.drop)


def chosen(bench: Bench, folder: Path, drop: float = 0.0) -> tuple[str, ...]:
    return layers_by_loss(bench, Measure(drop), Journal(folder / "j"), lambda step: None).layers  # type: ignore[arg-type]


def test_those_join_whose_errors_hold_the_limit() -> None:
    assert ERRORS["c.Conv"] < 10 ** (-AIM_DB / 10) < ERRORS["d.Conv"]
    assert within({name: loss(error) for name, error in ERRORS.items()}) == ["a.Conv", "b.Conv", "c.Conv"]


def test_the_ends_and_thin_ones_stay(tmp_path: Path) -> None:
    bench = Bench()
    assert chosen(bench, tmp_path) == ("a.Conv", "b.Conv", "c.Conv")
    assert not {name for names in bench.opened for name in names} - set(ERRORS)


def test_fewer_join_where_together_they_lose_more(tmp_path: Path) -> None:
    assert chosen(Bench(together=2e-6), tmp_path) == ("a.Conv", "b.Conv")


@pytest.mark.parametrize(
    ("bench", "drop"), [(Bench(least=4), 0.0), (Bench(together=2e-6, least=3), 0.0), (Bench(), 0.2)]
)
def test_too_few_are_refused_with_the_targets_name(tmp_path: Path, bench: Bench, drop: float) -> None:
    with pytest.raises(GateError, match="engine-int8: too few of 4 convolutions"):
        chosen(bench, tmp_path, drop)
