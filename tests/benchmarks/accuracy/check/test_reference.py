"""What artifacts are held against: the reference through the same tiles, what these cost it, and bicubic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.accuracy import verdicts
from benchmarks.accuracy.check import check, steps
from benchmarks.accuracy.figures import Tiled
from benchmarks.gates.limits import LimitTable
from benchmarks.records.accuracy import ImageRow
from benchmarks.subjects.datasets import Dataset, Item, Sample, open_folder
from benchmarks.subjects.reference import ComputedReference, ReferenceOutputs, StoredReference
from dlgsanet.errors import InputError
from dlgsanet.imaging.pixels import to_nchw
from dlgsanet.metrics import require_same
from runtimes.bundle.foreign import Foreign, Pixels
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


def test_the_reference_runs_through_the_same_tiler(dataset: Dataset, nearest: Nearest) -> None:
    """A function that depends on where the tile is cut: only the same tiles give the same output."""

    def position_dependent(lr: Array) -> Array:
        slope = np.linspace(0, 0.1, lr.shape[3] * 2, dtype=np.float32)
        return (enlarge(lr) + slope).astype(np.float32)

    class Sloped(type(nearest())):  # type: ignore[misc]
        def _infer(self, tile: Array) -> Array:
            return position_dependent(tile)

    checked = check([subject(Sloped())], dataset, ComputedReference(position_dependent, 2, "t", OVERLAP), MODEL)
    assert record(checked).identical
    tiling = record(checked, "torch-reference-8x8")
    assert tiling.gate == "fail" and "tiling drop" in tiling.reason
    assert tiling.tiling_drop_db == record(checked).tiling_drop_db != 0
    allowed = LimitTable(tiling_db=1000.0)
    again = check(
        [subject(Sloped())], dataset, ComputedReference(position_dependent, 2, "t", OVERLAP), MODEL, limits=allowed
    )
    assert "tiling drop" not in record(again, "torch-reference-8x8").reason


def test_small_pictures_are_continued_as_the_reference_was(dataset: Dataset, nearest: Nearest) -> None:
    """A function that draws inside what it sees beyond the right edge, and tiles wider than the pictures."""

    def shifted(lr: Array) -> Array:
        return enlarge(np.roll(lr, -6, 3))

    class Shifted(type(nearest())):  # type: ignore[misc]
        def _infer(self, tile: Array) -> Array:
            return shifted(tile)

    wide = replace(subject(Shifted(tile=(40, 40)), "fake-fp32-40x40"), tile=(40, 40))
    found = [
        record(check([wide], dataset, ComputedReference(shifted, 2, "t", OVERLAP, fill=fill), MODEL), wide.artifact)
        for fill in ("reflect", "symmetric")
    ]
    assert all(it.identical for it in found)
    assert found[0].psnr_db != found[1].psnr_db and found[0].protocol != found[1].protocol


def test_what_tiling_costs_is_a_record_of_its_own(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    checked = check([subject(nearest())], dataset, reference, MODEL, below_bicubic=True)
    tiling = record(checked, "torch-reference-8x8")
    assert tiling.gate == "pass" and tiling.tiling_drop_db == pytest.approx(0, abs=1e-4)
    assert tiling.psnr_db == pytest.approx(record(checked).psnr_db)
    require_same(tiling.protocol, record(checked).protocol)


def test_the_reference_is_computed_once_per_image_and_tile(dataset: Dataset, nearest: Nearest) -> None:
    calls: list[tuple[str, tuple[int, int]]] = []

    class Counting(ComputedReference):
        def tiled(self, sample: Sample, tile: tuple[int, int]) -> Array:
            calls.append((sample.item.name, tile))
            return super().tiled(sample, tile)

    other = replace(subject(nearest(tile=(12, 12)), "fake-fp32-12x12"), tile=(12, 12))
    subjects = [subject(nearest(), f"fake{i}-fp32-8x8") for i in range(3)]
    done: list[str] = []
    check([*subjects, other], dataset, Counting(enlarge, 2, "t", OVERLAP), MODEL, step=done.append)
    assert len(calls) == len(set(calls)) == 8
    assert len(done) == steps([*subjects, other], dataset)


def test_without_torch_the_stored_reference_judges_and_tiling_is_not_run(
    dataset: Dataset, nearest: Nearest, tmp_path: Path
) -> None:
    pack = stored_pack(dataset, tmp_path)
    wide = replace(subject(nearest(tile=(12, 12)), "fake-fp32-12x12"), tile=(12, 12))
    stored = StoredReference("stored", OVERLAP)
    checked = check([subject(nearest()), wide], pack, stored, MODEL, below_bicubic=True)
    assert record(checked).identical and record(checked).gate == "pass"
    assert record(checked).reference == "stored"
    assert record(checked, "fake-fp32-12x12").gate == "not run"
    assert "no stored reference of a for 12x12" in record(checked, "fake-fp32-12x12").reason
    assert record(checked, "torch-reference-8x8").gate == "not run"
    assert record(checked, "torch-reference-8x8").psnr_db is not None


def test_a_checkpoint_worse_than_bicubic_is_said_beside_bicubics_figures(dataset: Dataset, nearest: Nearest) -> None:
    inverted = ComputedReference(lambda lr: 1 - enlarge(lr), 2, "t", OVERLAP)

    class Same(type(nearest())):  # type: ignore[misc]
        def _infer(self, tile: Array) -> Array:
            return 1 - super()._infer(tile)

    checked = check([subject(Same())], dataset, inverted, MODEL)
    assert record(checked).gate == "pass"  # the conversion is good
    tiling = record(checked, "torch-reference-8x8")
    assert tiling.gate == "fail" and tiling.reason.startswith("the checkpoint, not the conversion: ")
    assert tiling.psnr_db is not None and tiling.bicubic_psnr_db is not None
    assert tiling.psnr_db < tiling.bicubic_psnr_db == record(checked).bicubic_psnr_db
    allowed = check([subject(Same())], dataset, inverted, MODEL, below_bicubic=True)
    assert record(allowed, "torch-reference-8x8").gate == "pass"


@pytest.mark.parametrize(("colour_db", "gate"), [(18.0, "fail"), (29.0, "pass")])
def test_a_checkpoint_of_good_luma_and_wrong_colours_fails(
    dataset: Dataset, reference: ReferenceOutputs, colour_db: float, gate: str
) -> None:
    conditions = verdicts.Conditions(dataset, reference, MODEL, None)
    network, bicubic = Tiled(31.0, 0.9, colour_db), Tiled(28.0, 0.8, 27.0)
    row = ImageRow("a", 31.0, 0.9, 0.0, 0.0, None, True)
    found = verdicts.reference((8, 8), [row], [network], [bicubic], conditions)
    assert found.gate == gate
    assert ("18.00 dB in RGB where bicubic has 27.00" in found.reason) == (gate == "fail")


@pytest.mark.parametrize("damage", ["shape", "garbage"])
def test_a_damaged_stored_reference_is_refused(dataset: Dataset, tmp_path: Path, damage: str) -> None:
    sample = next(dataset.samples())
    path = tmp_path / "a.npy"
    if damage == "shape":
        np.save(path, np.zeros((1, 3, 2, 2), np.float32))
    else:
        path.write_bytes(b"not an array")
    item: Item = replace(sample.item, sr={"8x8": path})
    with pytest.raises(InputError, match="export the bundle again"):
        StoredReference("stored", OVERLAP).tiled(replace(sample, item=item), TILE)


def test_a_reference_that_is_not_finite_is_refused(dataset: Dataset, nearest: Nearest) -> None:
    broken = ComputedReference(lambda lr: enlarge(lr) * np.float32(np.nan), 2, "t", OVERLAP)
    with pytest.raises(InputError, match="output of a is not finite"):
        check([subject(nearest())], dataset, broken, MODEL)


def test_images_too_large_for_the_whole_reference_are_left_out_by_name_of_their_number(
    dataset: Dataset, nearest: Nearest
) -> None:
    class Small(ComputedReference):
        def whole(self, sample: Sample) -> Array | None:
            return None if sample.item.name == "b" else super().whole(sample)

    checked = check([subject(nearest())], dataset, Small(enlarge, 2, "t", OVERLAP), MODEL, below_bicubic=True)
    tiling = record(checked, "torch-reference-8x8")
    assert tiling.gate == "pass" and tiling.reason.endswith("1 images were too large to go through the network at once")
    assert len(tiling.images) == 3


def test_what_tiles_cost_is_said_where_they_are_discouraged(dataset: Dataset, nearest: Nearest) -> None:
    def by_size(lr: Array) -> Array:
        """A network that sees how large its input is."""
        return enlarge(lr) + np.float32(0.01 * (lr.shape[2] != TILE[0]))

    against = ComputedReference(by_size, 2, "test", OVERLAP, tiling="discouraged, as they say")
    told = record(check([subject(nearest())], dataset, against, MODEL), "torch-reference-8x8")
    assert told.tiling_drop_db and told.worst_drop_db
    words = f"tiling is discouraged, as they say: on these images it costs {told.tiling_drop_db:+.4f} dB, at worst "
    assert f"{words}{told.worst_drop_db:+.4f} ({told.worst_image})" in told.reason
    of_one_size = ComputedReference(enlarge, 2, "test", OVERLAP, fitting=lambda size: None, tiling="discouraged")
    told = record(check([subject(nearest())], dataset, of_one_size, MODEL), "torch-reference-8x8")
    assert "tiling is discouraged; what tiling costs was not measured" in told.reason
    assert (
        "tiling is"
        not in record(
            check([subject(nearest())], dataset, ComputedReference(enlarge, 2, "test", OVERLAP), MODEL),
            "torch-reference-8x8",
        ).reason
    )


def test_a_picture_is_padded_to_what_the_network_takes(dataset: Dataset) -> None:
    seen = []

    def network(lr: Array) -> Array:
        seen.append(lr.shape[2:])
        return enlarge(lr)

    sample = next(dataset.samples())
    foreign = Foreign("onnx", "a", "b", "float32", Pixels(), multiple=16)
    whole = ComputedReference(network, 2, "test", OVERLAP, fitting=foreign.fitting).whole(sample)
    assert seen == [(16, 32)] and whole is not None and np.array_equal(whole, enlarge(to_nchw(sample.lr)))
    fixed = replace(foreign, fixed=(16, 16))
    assert (fixed.fitting((15, 16)), fixed.fitting((15, 17))) == ((16, 16), None)


def test_bicubic_is_no_yardstick_where_nothing_is_enlarged(tmp_path: Path, nearest: Nearest) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 30, 3)).astype(np.uint8)).save(tmp_path / "a.png")
    softened = ComputedReference(lambda lr: lr * np.float32(0.9), 1, "test", OVERLAP)
    runner = nearest(scale=1)
    found = check([subject(runner)], open_folder(tmp_path, 1), softened, replace(MODEL, scale=1))
    told = record(found, "torch-reference-8x8")
    assert (told.gate, told.reason, told.bicubic_psnr_db) == ("pass", "", None)
