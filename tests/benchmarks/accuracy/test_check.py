"""`check` with runners that repeat pixels: every fault must be seen, and none may hide another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.accuracy import verdicts
from benchmarks.accuracy.check import Checked, check, probe_names, steps
from benchmarks.accuracy.figures import Tiled
from benchmarks.gates.limits import INT8, Limits, LimitTable
from benchmarks.records.accuracy import AccuracyRecord, ImageRow
from benchmarks.subjects.datasets import Dataset, Item, Sample, open_folder
from benchmarks.subjects.reference import ComputedReference, ReferenceOutputs, StoredReference
from benchmarks.subjects.subject import Origin, Subject
from dlgsanet.errors import InputError
from dlgsanet.imaging.files import to_nchw
from dlgsanet.metrics import require_same
from runtimes.bundle.artifact_facts import Shown
from runtimes.bundle.foreign import Foreign, Pixels
from runtimes.runner.contract import RunInfo, Runner, UnfitError
from runtimes.runner.fidelity.probe_store import packed_probes
from runtimes.runner.fidelity.probes import CORE, PROBES, probe
from runtimes.runner.tiling import Array, upscale_tiled

MODEL = Origin("model", "b" * 64, 2)
TILE = (8, 8)
OVERLAP = 4
Nearest = Callable[..., Runner]


def enlarge(lr: Array) -> Array:
    return lr.repeat(2, 2).repeat(2, 3)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    random = np.random.default_rng(11)
    for name in ("a", "b", "c", "d"):
        smooth = np.kron(random.integers(40, 200, (6, 7, 3)), np.ones((5, 5, 1))).astype(np.uint8)
        Image.fromarray(smooth).save(tmp_path / f"{name}.png")
    return open_folder(tmp_path, 2)


@pytest.fixture
def reference() -> ComputedReference:
    return ComputedReference(enlarge, 2, "test", OVERLAP)


def subject(runner: Runner, name: str = "fake-fp32-8x8", precision: str = "fp32") -> Subject:
    return Subject(name, precision, TILE, runner, role="artifact", backend="fake")


def record(checked: Checked, artifact: str = "fake-fp32-8x8") -> AccuracyRecord:
    (found,) = (record for record in checked.records if record.artifact == artifact)
    return found


def test_an_exact_artifact_passes_and_is_called_identical(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    checked = check([subject(nearest())], dataset, reference, MODEL)
    found = record(checked)
    assert (found.gate, found.reason) == ("pass", "")
    assert found.identical and found.to_reference_db is None and found.to_reference_worst_db is None
    assert found.drop_db == 0.0 and len(found.images) == 4
    assert found.protocol.startswith("x2/y/b2/r8/bicubic-matlab8/t8x8+4s/")
    assert not checked.crashed


def test_every_image_has_its_row_and_the_worst_is_the_largest_in_size(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    found = record(check([subject(nearest(offset=0.02))], dataset, reference, MODEL))
    assert found.gate == "fail"
    assert found.to_reference_db == pytest.approx(20 * np.log10(1 / 0.02), abs=1e-3)
    drops = {row.image: row.drop_db for row in found.images}
    assert set(drops) == {"a", "b", "c", "d"}
    assert found.drop_db == pytest.approx(np.mean(list(drops.values())))
    assert found.worst_image == max(drops, key=lambda name: abs(drops[name]))
    assert found.worst_drop_db == drops[found.worst_image]


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


@pytest.mark.parametrize(("fault", "words"), [("black", "0 everywhere"), ("nan", "NaN")])
def test_an_output_that_is_no_picture_fails_the_gate_and_is_no_crash(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest, fault: str, words: str
) -> None:
    checked = check([subject(nearest(fault=fault))], dataset, reference, MODEL)
    assert record(checked).gate == "fail" and words in record(checked).reason
    assert record(checked).reason.startswith("a: ")
    assert not checked.crashed


def test_an_engine_that_reports_another_precision_fails(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    found = record(check([subject(nearest(reported="bf16"))], dataset, reference, MODEL))
    assert found.gate == "fail" and "fp32 was requested, the engine reports bf16" in found.reason
    assert found.reported_precision == "bf16" and found.psnr_db is not None


def test_a_processor_that_spoils_int8_is_said_beside_the_verdict(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunInfo, "caution", "it overflows here")
    found = record(check([subject(nearest())], dataset, reference, MODEL))
    assert (found.gate, found.reason) == ("pass", "it overflows here")


def test_a_device_without_the_precision_is_not_run_but_one_that_has_it_gets_no_excuse(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    lacks = subject(nearest(reported="bf16", native=("bf16",)), "lacks-fp32-8x8")
    could = subject(nearest(reported="bf16", native=("fp32", "bf16")), "could-fp32-8x8")
    checked = check([lacks, could], dataset, reference, MODEL)
    found = record(checked, "lacks-fp32-8x8")
    assert found.gate == "not run" and found.psnr_db is None
    assert found.reason == "CPU has no fp32 on this machine (it has bf16); fake took bf16 instead"
    assert record(checked, "could-fp32-8x8").gate == "fail"


def test_one_artifact_missing_or_broken_does_not_stop_the_others(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest, child_runners: object
) -> None:
    subjects = [
        subject(nearest(fault="missing"), "gone-fp32-8x8"),
        subject(nearest(fault="black"), "black-fp32-8x8"),
        subject(nearest(), "good-fp32-8x8"),
    ]
    checked = check(subjects, dataset, reference, MODEL)
    gone = record(checked, "gone-fp32-8x8")
    assert (gone.gate, gone.reason, gone.psnr_db, gone.device) == (
        "not run", "fake is not usable here; install it", None, None,
    )  # fmt: skip
    assert record(checked, "black-fp32-8x8").gate == "fail"
    assert record(checked, "good-fp32-8x8").gate == "pass"


@pytest.mark.parametrize("fault", ["crash", "crash on opening"])
def test_a_crashing_backend_is_told_and_does_not_stop_the_others(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest, fault: str
) -> None:
    from functools import partial

    from benchmarks.subjects.isolated_runner import IsolatedRunner

    child = IsolatedRunner("bad-fp32-8x8", 2, (TILE,), partial(nearest, fault=fault))
    checked = check([subject(child, "bad-fp32-8x8"), subject(nearest())], dataset, reference, MODEL)
    assert record(checked, "bad-fp32-8x8").gate == "fail"
    assert "SIGSEGV" in record(checked, "bad-fp32-8x8").reason
    assert len(checked.crashed) == 1 and "SIGSEGV" in checked.crashed[0]
    assert record(checked).gate == "pass"


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


def stored_pack(dataset: Dataset, folder: Path) -> Dataset:
    """The same images with what the reference makes of them, as a bundle stores it."""
    items = []
    for sample in dataset.samples():
        path = folder / f"{sample.item.name}.npy"
        np.save(path, upscale_tiled(enlarge, to_nchw(sample.lr), 2, TILE, OVERLAP))
        items.append(replace(sample.item, sr={"8x8": path}))
    return replace(dataset, items=tuple(items))


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


def test_less_than_at_birth_fails_and_names_both(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    none = LimitTable("none", {"fp32": Limits()})
    born = (Shown("a", 80.0, (0.0, 0.0, 0.0), 0.1), Shown("text", 33.0, (5.0, 5.0, 5.0), 5.0))
    late = replace(subject(nearest(offset=0.02)), birth=born)
    found = record(check([late], dataset, reference, MODEL, limits=none))
    assert found.gate == "fail"
    assert "a: 33.98 dB to the reference, 80.00 at birth; a: mean shift of red +5.10 levels, +0.00" in found.reason
    assert "text" not in found.reason  # no worse than it was
    assert record(check([subject(nearest(offset=0.02))], dataset, reference, MODEL, limits=none)).gate == "pass"


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


@pytest.mark.parametrize(
    ("error", "gate", "damaged"),
    [
        (UnfitError("an engine would get it wrong"), "not run", ()),
        (InputError("sha256 does not match"), "fail", ("sha256 does not match",)),
    ],
)
def test_an_artifact_that_is_refused_ends_nobody_elses_check(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest, error: InputError, gate: str, damaged: tuple[str]
) -> None:
    class Refused(type(nearest())):  # type: ignore[misc]
        def _open(self) -> RunInfo:
            raise error

    checked = check([subject(Refused(), "bad-fp32-8x8"), subject(nearest())], dataset, reference, MODEL)
    assert (record(checked, "bad-fp32-8x8").gate, record(checked, "bad-fp32-8x8").reason) == (gate, str(error))
    assert record(checked).gate == "pass" and checked.damaged == damaged and not checked.crashed


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


def test_crops_show_every_source_for_the_first_images_and_the_worst(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    checked = check([subject(nearest(offset=0.02))], dataset, reference, MODEL)
    worst = record(checked).worst_image
    names = [crop.image for crop in checked.crops]
    assert names[:2] == ["a", "b"] and (worst in names)
    for crop in checked.crops:
        assert set(crop.pictures) == {"HR", "bicubic", "torch-reference-8x8", "fake-fp32-8x8"}
        assert crop.box[2:] == (30, 34)


def test_a_senseless_limit_is_refused_before_the_work(
    dataset: Dataset, reference: ReferenceOutputs, nearest: Nearest
) -> None:
    with pytest.raises(InputError, match="above 0 dB"):
        check([subject(nearest(fault="missing"))], dataset, reference, MODEL, max_drop_db=-1.0)


def test_a_check_of_the_pack_has_few_probe_tiles_and_an_interpreter_one(dataset: Dataset) -> None:
    pack = replace(dataset, items=tuple(replace(item, sr={"8x8": item.hr}) for item in dataset.items))
    assert probe_names(dataset) == probe_names(dataset, interpreted=True) == tuple(PROBES)
    assert probe_names(pack) == CORE and probe_names(pack, interpreted=True) == ("blue",)


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
