"""INT8 layers that a drawn tile shows leave, as few as it takes; nothing else is measured or changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.gates.limits import INT8
from dlgsanet.errors import UnavailableError
from dlgsanet.imaging.files import write_picture
from export.bundle.options import ExportOptions
from export.bundle.writer import export_bundle
from export.machine.journal import Journal
from export.quantization.layer_choice import drawn_tiles as drawn_tiles_module
from export.quantization.layer_choice import on_drawn_tiles
from export.quantization.layer_choice.drawn_tiles import BUSY_LEVELS, FLAT_LEVELS, PAGE_DB, drawn_tiles
from export.quantization.layer_choice.on_drawn_tiles import (
    AT_MOST,
    DrawnYardstick,
    Halving,
    Held,
    held_on_drawn_tiles,
)
from export.quantization.layer_choice.sensitivity import CandidateOpener
from export.quantization.options import CalibrationOptions
from runtimes import open_runner
from runtimes.backends import registry
from runtimes.bundle.manifest import read_manifest
from runtimes.runner.contract import Runner
from runtimes.runner.fidelity.likeness import probe_figures
from runtimes.runner.fidelity.probes import FLAT, PROBES, probe
from runtimes.runner.tiling import Array

TILE, SCALE = (18, 24), 2
GREY = np.full((1, 3, SCALE * TILE[0], SCALE * TILE[1]), 0.5, np.float32)
TARGET = {"backend": "onnxruntime", "tile": TILE, "precision": "int8"}
PAGES = [name for name in drawn_tiles(TILE, SCALE) if name not in PROBES]
PAGE_LEVELS = 255 * np.sqrt(3 * 10 ** (-PAGE_DB / 10))
"""By which green moves where a page's squared error, the mean of three colours, is all that is allowed."""

MAGENTA = {"a.Conv": 0.5, "b.Conv": -0.2, "c.Conv": 0.3, "thin.0.Conv": 0.0}
"""Levels by which each layer moves green of magenta."""


@dataclass
class Bench:
    """An engine in which layers add their `levels` (tile -> layer -> levels) to green, on pages as noise that does not
    agree; with fewer than `least` layers it is called fp32; `together` comes on top where several are in INT8."""

    levels: Mapping[str, Mapping[str, float]]
    least: int = 1
    together: float = 0.0
    opened: list[tuple[str, ...]] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    target: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(**TARGET))
    scale: int = SCALE

    @contextmanager
    def open(self, folder: Path, chosen: Collection[str], *, exact: bool = False) -> Iterator[SimpleNamespace]:
        assert exact
        self.opened.append(tuple(chosen))
        yield SimpleNamespace(
            scale=SCALE, infer=lambda tile: self._answer(tile, chosen), info=SimpleNamespace(device="CPU")
        )

    def named(self, chosen: Collection[str]) -> bool:
        self.asked.append(tuple(chosen))
        return len(chosen) >= self.least

    def _answer(self, tile: Array, chosen: Collection[str]) -> Array:
        name = next(it for it, drawn in drawn_tiles(TILE, SCALE, PAGE_DB).items() if drawn.lr is tile)
        moves = np.array([self.levels.get(name, {}).get(layer, 0.0) for layer in chosen])
        levels = np.sqrt(np.sum(moves**2)) if name in PAGES else moves.sum()
        answer = GREY.copy()
        answer[:, 1] += (levels + self.together * (len(chosen) > 1) * (name == "magenta")) / 255
        return answer


@pytest.fixture(autouse=True)
def any_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "spoilt_int8", lambda precision, device, in_pairs: "")


def held(bench: Bench, folder: Path, said: list[str] | None = None) -> Held:
    measure = DrawnYardstick(bench)  # type: ignore[arg-type]
    say = (said if said is not None else []).append
    return held_on_drawn_tiles(measure, tuple(MAGENTA), Journal(folder / "j"), say)


def test_a_choice_that_holds_is_run_once_and_stays(tmp_path: Path) -> None:
    bench = Bench({"magenta": {name: 0.5 * levels for name, levels in MAGENTA.items()}})
    found = held(bench, tmp_path)
    assert found == Held(tuple(MAGENTA))
    assert bench.opened == [(), tuple(MAGENTA)]


@pytest.mark.parametrize(
    ("name", "size"), [*((it, FLAT_LEVELS) for it in sorted(FLAT)), ("patterns", BUSY_LEVELS), ("text", BUSY_LEVELS)]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_layer_that_moves_a_tile_leaves_it_alone(tmp_path: Path, name: str, size: float, sign: int) -> None:
    bench = Bench({name: {"a.Conv": sign * 0.3 * size, "b.Conv": sign * 0.9 * size, "c.Conv": -sign * 0.1 * size}})
    found = held(bench, tmp_path)
    assert found.layers == ("a.Conv", "c.Conv", "thin.0.Conv")
    assert found.told == "1 more stay for what they do to the drawn tiles"


@pytest.mark.parametrize("name", PAGES)
def test_the_layer_that_roughens_a_page_leaves_it_alone(tmp_path: Path, name: str) -> None:
    """Two errors of 0.7 make 0.99 of what is allowed, three 1.21."""
    parts = {"a.Conv": 0.7, "b.Conv": 0.72, "c.Conv": 0.68}
    bench = Bench({name: {layer: share * PAGE_LEVELS for layer, share in parts.items()}})
    found = held(bench, tmp_path)
    assert found.layers == ("a.Conv", "c.Conv", "thin.0.Conv")
    assert found.told == "1 more stay for what they do to the drawn tiles"


@pytest.mark.parametrize("least", [0, 8])
def test_a_page_that_few_layers_do_not_make_keeps_the_rest(tmp_path: Path, least: int) -> None:
    """One in eight leaves at most, so long as it is called INT8, and what a probe tile asks for leaves in any case."""
    names = [f"{letter}.Conv" for letter in "abcdefgh"]
    rough = {name: (2.0 if name == "h.Conv" else 1.0) * PAGE_LEVELS for name in names}
    bench = Bench({PAGES[0]: rough, "magenta": {"c.Conv": 0.9}}, least=least or 1)
    measure = DrawnYardstick(bench)  # type: ignore[arg-type]
    found = held_on_drawn_tiles(measure, (*names, "i.Conv"), Journal(tmp_path / "j"), lambda line: None)
    stay = {*names, "i.Conv"} - {"c.Conv"} - ({"h.Conv"} if not least else set())
    assert set(found.layers) == stay
    told = "2 more stay" if not least else "1 more stay"
    assert found.told.startswith(told) and f"and {PAGES[0]} moves by " in found.told


def test_pages_that_move_less_change_nothing(tmp_path: Path) -> None:
    bench = Bench({name: {"a.Conv": 0.7 * PAGE_LEVELS, "b.Conv": 0.7 * PAGE_LEVELS} for name in PAGES})
    assert held(bench, tmp_path) == Held(tuple(MAGENTA)) and len(bench.opened) == 2


def test_both_causes_leave_and_what_was_measured_is_not_again(tmp_path: Path) -> None:
    bench = Bench({"magenta": MAGENTA | {"a.Conv": 0.9}, "patterns": {"c.Conv": 3.0}})
    assert held(bench, tmp_path).layers == ("b.Conv", "thin.0.Conv")
    again = Bench(bench.levels)
    assert held(again, tmp_path).layers == ("b.Conv", "thin.0.Conv")
    assert bench.asked and not again.opened and not again.asked


def test_whether_it_is_called_int8_is_asked_for_each_precision(tmp_path: Path) -> None:
    bench = Bench({"magenta": dict.fromkeys(MAGENTA, 0.9)}, least=3)
    mixed = Bench(bench.levels, least=3, target=SimpleNamespace(**TARGET | {"precision": "int8-mixed"}))
    assert held(bench, tmp_path) == held(mixed, tmp_path)
    assert mixed.asked == bench.asked and not mixed.opened


@pytest.mark.parametrize("count", [1, 2, 7, 93])
def test_halving_takes_what_makes_the_sum(count: int) -> None:
    numbers = {f"{number}": 0.01 for number in range(count)} | {f"{count // 2}": 5.0, f"{count - 1}": 3.0}
    asked: list[tuple[str, ...]] = []

    def ask(names: Sequence[str]) -> float:
        asked.append(tuple(names))
        return sum(numbers[name] for name in names)

    sums = Halving(tuple(numbers), ask)
    for largest in dict.fromkeys(sorted(numbers, key=lambda name: -numbers[name])[:2]):
        assert sums.take_largest() == (largest, pytest.approx(numbers[largest]))
    assert len(asked) <= max(4 * np.ceil(np.log2(count)) - 2, 1)
    rest = dict(sums.take_largest() for _ in range(len(numbers) - min(count, 2)))
    assert len(rest) == max(count - 2, 0) and list(rest.values()) == pytest.approx([0.01] * len(rest))
    assert len(asked) <= max(2 * count - 2, 1)
    with pytest.raises(ValueError):
        sums.take_largest()


def test_what_moves_it_the_other_way_stays(tmp_path: Path) -> None:
    bench = Bench({"magenta": {"a.Conv": 0.9, "b.Conv": -0.8, "c.Conv": 0.8}})
    assert held(bench, tmp_path).layers == ("a.Conv", "b.Conv", "thin.0.Conv")  # what is left nearly cancels


def test_more_leave_where_together_they_move_it_more(tmp_path: Path) -> None:
    """What each does alone says that one is enough, and so on."""
    bench = Bench({"magenta": dict.fromkeys(MAGENTA, 0.2)}, together=0.7)
    assert len(held(bench, tmp_path).layers) == 1


def test_what_no_layer_does_by_itself_is_said(tmp_path: Path) -> None:
    found = held(Bench({"magenta": dict.fromkeys(MAGENTA, 0.01)}, together=0.9), tmp_path)
    assert found.layers == tuple(MAGENTA) and found.told.startswith("magenta moves by 1.6 times what is allowed")


def test_where_no_choice_holds_nothing_leaves_and_it_is_said(tmp_path: Path) -> None:
    found = held(Bench({"magenta": dict.fromkeys(MAGENTA, 0.9)}, least=3), tmp_path)
    assert found.layers == tuple(MAGENTA)
    assert found.told.startswith("magenta moves by 6.0 times what is allowed, and too few")


@pytest.mark.parametrize(("rest", "leaves"), [(1.19, True), (1.21, False)])
def test_what_check_lets_pass_is_taken_where_no_choice_holds(tmp_path: Path, rest: float, leaves: bool) -> None:
    """Without the worst layer the others move it farther than is allowed, and without another one they are too few."""
    levels = {"a.Conv": 15.0, "b.Conv": rest / 2, "c.Conv": rest / 2}
    found = held(Bench({"magenta": levels}, least=3), tmp_path)
    assert found.layers == (("b.Conv", "c.Conv", "thin.0.Conv") if leaves else tuple(MAGENTA))
    assert found.told.startswith("1 more stay" if leaves else "magenta moves by 27.0 times what is allowed")
    assert ("and magenta moves by 2.0 times what is allowed" in found.told) is leaves


def test_it_is_half_of_what_the_gate_allows() -> None:
    assert (INT8.flat_shift, INT8.busy_shift) == (AT_MOST * FLAT_LEVELS, AT_MOST * BUSY_LEVELS)


def test_a_processor_that_spoils_int8_measures_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        registry, "spoilt_int8", lambda precision, device, in_pairs: f"{device} spoils {precision}" * in_pairs
    )
    bench = Bench({}, target=SimpleNamespace(**TARGET | {"backend": "openvino"}))
    with pytest.raises(UnavailableError, match="CPU spoils int8"):
        held(bench, tmp_path)
    assert not bench.opened
    exact = Bench({}, target=SimpleNamespace(**TARGET | {"backend": "litert"}))
    assert not held(exact, tmp_path).told and exact.opened


@pytest.fixture
def dim(tmp_path: Path) -> CalibrationOptions:
    """Tiles that hold no bright colour."""
    (tmp_path / "dim").mkdir()
    for number in range(3):
        picture = np.random.default_rng(number).integers(100, 120 + 20 * number, (100, 120, 3))
        write_picture(tmp_path / "dim" / f"{number}.png", picture.astype(np.uint8))
    return CalibrationOptions(str(tmp_path / "dim"), tiles=6)


@pytest.mark.parametrize("ruled", [True, False])
@pytest.mark.parametrize(("backend", "device"), [("onnxruntime", "CPU"), ("tensorrt", "tensorrt-reference")])
def test_ranges_of_dim_pictures_leave_layers_that_clip_in_floats(
    checkpoint: Path,
    tmp_path: Path,
    dim: CalibrationOptions,
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
    device: str,
    ruled: bool,
) -> None:
    """Saturated tiles reach beyond what dim pictures taught. ONNX Runtime runs them, also in TensorRT's place."""
    if not ruled:
        monkeypatch.setattr(drawn_tiles_module, "FLAT_LEVELS", 1e3)
        monkeypatch.setattr(on_drawn_tiles, "drawn_tiles", lambda tile, scale, page_db: drawn_tiles(tile, scale, 0.0))
    targets = (f"{backend}-fp32", f"{backend}-int8")
    export_bundle(checkpoint, tmp_path / "bundle", ExportOptions(targets, ((24, 32),), calibration=dim))
    choice = read_manifest(tmp_path / "bundle").artifacts[1].choice.int8
    assert ("more stay for what they do to the drawn tiles" in choice.reason) is ruled
    exact, run = (open_runner(tmp_path / "bundle", name, device=device) for name in targets)
    with exact, run:
        tiles = {name: probe(name, (24, 32)) for name in FLAT}
        moved = [probe_figures(name, run.infer(it), exact.infer(it)).shift for name, it in tiles.items()]
    assert (np.abs(moved).max() <= FLAT_LEVELS) is np.bool_(ruled)


def test_a_second_export_compiles_nothing_for_the_same_choice(
    checkpoint: Path, tmp_path: Path, own_cache: Path, dim: CalibrationOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Collection[str]] = []
    opens = CandidateOpener.open

    def noted(self: CandidateOpener, folder: Path, chosen: Collection[str], *, exact: bool = False) -> Runner:
        opened.append(chosen)
        return opens(self, folder, chosen, exact=exact)

    monkeypatch.setattr(CandidateOpener, "open", noted)
    options = ExportOptions(("onnxruntime-int8",), ((24, 32),), calibration=dim)
    export_bundle(checkpoint, tmp_path / "first", options)
    assert len(opened) > 1 and not opened[0]  # the float graph, then with layers in INT8
    opened.clear()
    export_bundle(checkpoint, tmp_path / "second", options)
    first, second = (read_manifest(tmp_path / name).artifacts[0].choice for name in ("first", "second"))
    assert not opened and first == second
