"""The probe tiles: what no photograph shows, on every device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.check import check, probe_names
from benchmarks.gates.limits import INT8, LimitTable
from benchmarks.subjects.datasets import Dataset
from benchmarks.subjects.reference import ReferenceOutputs, StoredReference
from runtimes.runner.fidelity.probe_store import packed_probes
from runtimes.runner.fidelity.probes import CORE, PROBES, probe
from runtimes.runner.tiling import Array
from tests.benchmarks.accuracy.check.check_kit import (
    MODEL,
    OVERLAP,
    TILE,
    Nearest,
    enlarge,
    record,
    stored_pack,
    subject,
)


def test_a_fault_that_only_a_probe_tile_shows_is_caught(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    class Blind(type(nearest())):  # type: ignore[misc]
        """Dark where a tile is one saturated blue: no photograph has such a tile."""

        def _infer(self, tile: Array) -> Array:
            blue = tile[0, 2].min() > 0.99 and tile[0, :2].max() < 0.01
            return super()._infer(tile) * np.float32(0.5 if blue else 1)

    found = record(check([subject(Blind())], dataset, reference, MODEL))
    assert found.gate == "fail" and found.identical
    assert found.reason.startswith("mean shift on flat probe tiles: blue 128 levels > ")
    assert {it.probe for it in found.probes} == set(PROBES) and found.likeness is not None


def test_with_the_probes_first_another_picture_is_not_run_on_the_images(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    seen: list[Array] = []

    class Wrong(type(nearest())):  # type: ignore[misc]
        """The right shapes and range, and nothing of the picture: as a device whose compiler is wrong."""

        def _infer(self, tile: Array) -> Array:
            seen.append(tile)
            return super()._infer(np.ascontiguousarray(tile[:, :, ::-1]))

    checked = check(
        [subject(Wrong(), "wrong-fp32-8x8"), subject(nearest())], dataset, reference, MODEL, probes_first=True
    )
    assert checked.lost == ("wrong-fp32-8x8",) and len(seen) == len(PROBES)
    wrong, right = record(checked, "wrong-fp32-8x8"), record(checked)
    assert wrong.gate == "fail" and wrong.psnr_db is None
    assert wrong.reason.startswith("CPU makes another picture: 8x8 patch of busy probe tiles: ")
    assert right == record(check([subject(nearest())], dataset, reference, MODEL))  # the order changes no figure


@pytest.mark.parametrize(
    ("flat", "limits", "lost"),
    [
        (False, {}, False),
        (False, {"busy_patch": 50.0}, True),
        (False, {"flat_patch": 1.0, "busy_shift": 0.0}, False),
        (True, {}, True),
    ],
)
def test_another_picture_is_one_beyond_what_the_precision_may_be_off(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest, flat: bool, limits: dict[str, float], lost: bool
) -> None:
    """55 levels in a patch are within what INT8 may show of a pattern, but not of one colour."""

    class Rounds(type(nearest())):  # type: ignore[misc]
        def _infer(self, tile: Array) -> Array:
            dots = 0.5 * (np.indices((2 * TILE[0], 2 * TILE[1])).sum(0) % 4 == 0)
            here = (np.ptp(tile, axis=(2, 3)).max() == 0) == flat
            return (super()._infer(tile) + here * (dots - dots.mean())).astype(np.float32)

    table = LimitTable(gates={"fp32": replace(INT8, **limits)})
    checked = check([subject(Rounds())], dataset, reference, MODEL, limits=table, probes_first=True)
    assert bool(checked.lost) is lost
    assert ("another picture" in record(checked).reason) is lost


def test_garbage_that_is_no_picture_on_a_probe_tile_is_caught(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    class Overflows(type(nearest())):  # type: ignore[misc]
        def _infer(self, tile: Array) -> Array:
            return super()._infer(tile) + np.float32(np.nan if np.ptp(tile) == 0 else 0)

    found = record(check([subject(Overflows())], dataset, reference, MODEL))
    assert found.gate == "fail" and found.reason.startswith("probe tile black: ") and "NaN" in found.reason
    assert found.identical and found.psnr_db is not None  # the images' figures stand beside it


def test_stored_probes_judge_where_nothing_can_compute_them_and_their_lack_is_said(
    dataset: Dataset, nearest: Nearest, tmp_path: Path
) -> None:
    pack = stored_pack(dataset, tmp_path)
    without = record(check([subject(nearest())], pack, StoredReference("stored", OVERLAP), MODEL))
    assert without.gate == "pass" and not without.probes
    assert without.reason == "judged without probe tiles: no reference of them is stored, and no torch here"
    (tmp_path / "probes.zip").write_bytes(packed_probes({name: enlarge(probe(name, TILE)) for name in CORE}))
    stored = StoredReference("stored", OVERLAP, {TILE: tmp_path / "probes.zip"})
    found = record(check([subject(nearest())], pack, stored, MODEL))
    assert (found.gate, found.reason) == ("pass", "") and tuple(it.probe for it in found.probes) == CORE


def test_a_check_of_the_pack_has_few_probe_tiles_and_an_interpreter_one(dataset: Dataset) -> None:
    pack = replace(dataset, items=tuple(replace(item, sr={"8x8": item.hr}) for item in dataset.items))
    assert probe_names(dataset) == probe_names(dataset, interpreted=True) == tuple(PROBES)
    assert probe_names(pack) == CORE and probe_names(pack, interpreted=True) == ("blue",)
