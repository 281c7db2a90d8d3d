"""Every gate must be able to fail: one planted fault each."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from benchmarks.gates.accuracy_gates import (
    GATES,
    Figures,
    Limits,
    Verdict,
    judge,
    judge_checkpoint,
    judge_tiling,
)
from benchmarks.gates.limits import DEFAULT, TILING_DROP_MEAN_DB, LimitTable
from dlgsanet.checkpoints import load_model
from dlgsanet.checkpoints.checkpoint import shipped_names
from dlgsanet.errors import InputError
from dlgsanet.imaging.photographs import PHOTOGRAPHS
from dlgsanet.imaging.pixels import to_hwc, to_nchw
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8
from dlgsanet.metrics import psnr
from runtimes.runner.overlap import DEFAULT_FILL, DEFAULT_OVERLAP, DEFAULT_TILE
from runtimes.runner.tiling import Array, upscale_tiled

GOOD = Figures(
    precision="fp32",
    reported_precision="fp32",
    drop_mean_db=0.0,
    drop_worst_db=0.0,
    to_reference_mean_db=140.0,
    to_reference_worst_db=130.0,
    ssim_drop=0.0,
)


def good(precision: str) -> Figures:
    return replace(GOOD, precision=precision, reported_precision=precision)


@pytest.mark.parametrize("precision", GATES)
def test_good_figures_pass_or_are_only_stated(precision: str) -> None:
    verdict = judge(good(precision))
    if GATES[precision] is None:
        assert verdict.gate == "stated" and "--max-drop" in verdict.reason
    else:
        assert verdict.gate == "pass" and verdict.reason == ""


@pytest.mark.parametrize("precision", [name for name, limits in GATES.items() if limits])
@pytest.mark.parametrize("sign", [1, -1])
def test_each_limit_fails_just_beyond_it_in_both_directions(precision: str, sign: int) -> None:
    limits = GATES[precision]
    assert limits is not None
    for field, limit in (
        ("drop_mean_db", limits.drop_mean_db),
        ("drop_worst_db", limits.drop_worst_db),
        ("ssim_drop", limits.ssim_drop),
    ):
        at, beyond = sign * limit, sign * limit * 1.001
        assert judge(replace(good(precision), **{field: at})).gate == "pass", field
        assert judge(replace(good(precision), **{field: beyond})).gate == "fail", field
    for field, limit in (
        ("to_reference_mean_db", limits.to_reference_mean_db),
        ("to_reference_worst_db", limits.to_reference_worst_db),
    ):
        assert judge(replace(good(precision), **{field: limit})).gate == "pass", field
        assert judge(replace(good(precision), **{field: limit - 0.01})).gate == "fail", field


@pytest.mark.parametrize(
    "field",
    ["drop_mean_db", "drop_worst_db", "to_reference_mean_db", "to_reference_worst_db", "ssim_drop"],
)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_non_finite_figures_fail(field: str, value: float) -> None:
    for precision in ("fp32", "pal4"):
        verdict = judge(replace(good(precision), **{field: value}), max_drop_db=1.0)
        assert verdict.gate == "fail" and "finite" in verdict.reason


def test_identical_outputs_pass() -> None:
    assert judge(replace(GOOD, to_reference_mean_db=None, to_reference_worst_db=None)).gate == "pass"


def test_another_precision_than_requested_fails_however_good_the_numbers() -> None:
    verdict = judge(replace(GOOD, reported_precision="bf16"))
    assert verdict.gate == "fail"
    assert verdict.reason == "fp32 was requested, the engine reports bf16"


def test_an_output_that_is_no_picture_fails_every_precision() -> None:
    for precision in GATES:
        fault = "the output is 0 everywhere though the input is not constant"
        verdict = judge(replace(good(precision), fault=fault), max_drop_db=1.0)
        assert (verdict.gate, verdict.reason) == ("fail", fault)


def test_the_reason_names_every_limit_that_does_not_hold() -> None:
    reason = judge(replace(GOOD, drop_mean_db=0.5, to_reference_worst_db=20.0)).reason
    assert "mean drop |0.50000| dB > 0.001" in reason and "worst 20.00 dB to the reference < 100" in reason


def test_max_drop_limits_what_has_no_default_and_only_tightens_the_rest() -> None:
    assert judge(replace(good("pal4"), drop_mean_db=0.2), max_drop_db=0.3).gate == "pass"
    assert judge(replace(good("pal4"), drop_mean_db=-0.4), max_drop_db=0.3).gate == "fail"
    assert judge(replace(good("int8"), drop_mean_db=0.04), max_drop_db=0.03).gate == "fail"
    assert judge(replace(good("int8"), drop_mean_db=0.06), max_drop_db=0.3).gate == "fail"


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan, math.inf])
def test_a_senseless_max_drop_is_refused(limit: float) -> None:
    with pytest.raises(InputError, match="above 0 dB"):
        judge(GOOD, max_drop_db=limit)


def test_unknown_precision_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean fp16"):
        judge(good("fp15"))


def test_tiling_has_its_own_limit_in_both_directions() -> None:
    assert judge_tiling([TILING_DROP_MEAN_DB] * 5).gate == "pass"
    assert judge_tiling([TILING_DROP_MEAN_DB * 1.01] * 5).gate == "fail"
    assert judge_tiling([-TILING_DROP_MEAN_DB * 1.01] * 5).gate == "fail"
    assert judge_tiling([0.0, math.nan]).gate == "fail" == judge_tiling([math.inf]).gate
    assert "not an artifact; export with a --tile nearer to the size" in judge_tiling([0.11]).reason
    assert judge_tiling([0.1] * 5, limit=0.11).gate == "pass"


def test_few_images_judge_tiles_by_a_wider_limit_and_that_is_said() -> None:
    """The two of a bundle's parity pack, as tiny-x4 is shipped: one is smaller than a tile and filled up."""
    pack = judge_tiling([0.0848, -0.0035])
    assert pack.gate == "pass" and "0.02, but 2 images are too few to judge tiles by; --data FOLDER does" in pack.reason
    assert judge_tiling([0.015, 0.01]) == judge_tiling([0.015] * 5) and not judge_tiling([0.015]).reason
    assert judge_tiling([0.11, 0.095]).gate == "fail" == judge_tiling([-0.11]).gate


def test_images_that_disagree_on_tiling_establish_nothing_up_to_twice_the_limit() -> None:
    two_of_five = [0.0, 0.07, 0.07, -0.002, -0.001]
    doubtful = judge_tiling(two_of_five)
    assert doubtful.gate == "pass" and "|0.0274| dB > 0.02, but the images disagree (95 %: -0.0" in doubtful.reason
    assert judge_tiling([-it for it in two_of_five]).gate == "pass"
    assert judge_tiling([it * 2 for it in two_of_five]).gate == "fail"  # beyond twice the limit
    assert judge_tiling(two_of_five * 20).gate == "fail"  # the same of a hundred is no chance
    assert judge_tiling([0.03, 0.02, 0.025, 0.02, 0.04]).gate == "fail"  # all agree
    assert judge_tiling([0.0, 0.0, 0.0, 0.07, 0.05]).gate == "fail"  # three of exactly one tile say nothing


def test_drops_that_gains_cancel_fail_by_their_sizes() -> None:
    assert judge(replace(GOOD, drop_abs_db=0.002)).reason == "mean drop |0.00200| dB > 0.001"
    assert judge(replace(GOOD, drop_abs_db=0.002), max_drop_db=0.001).gate == "fail"


def test_a_drop_in_colour_fails_like_one_in_luma() -> None:
    assert judge(replace(GOOD, rgb_drop_abs_db=0.002)).reason == "mean drop in RGB |0.00200| dB > 0.001"
    assert judge(replace(GOOD, rgb_drop_worst_db=-0.02)).reason == "worst drop in RGB |-0.02000| dB > 0.005"


def test_a_coarse_palette_is_judged_by_a_file_of_limits() -> None:
    table = LimitTable("mine", {**DEFAULT.gates, "pal6": Limits(drop_mean_db=0.1)})
    assert judge(replace(good("pal6"), drop_mean_db=0.2), table=table).gate == "fail"
    assert judge(good("pal6"), table=table) == Verdict("pass", "")


def test_a_checkpoint_below_bicubic_is_said_and_fails_unless_allowed() -> None:
    verdict = judge_checkpoint(12.21, 28.42)
    assert verdict == Verdict("fail", "the checkpoint, not the conversion: 12.21 dB where bicubic has 28.42")
    assert judge_checkpoint(12.21, 28.42, allowed=True) == Verdict("pass", verdict.reason + " (allowed)")
    assert judge_checkpoint(28.42, 28.42).gate == "pass" and judge_checkpoint(None, 28.42).gate == "pass"
    assert "20.10 dB in RGB where bicubic has 26.00" in judge_checkpoint(20.1, 26.0, colour="rgb").reason


SMALLER_THAN_A_TILE = [name for name in shipped_names() if not name.endswith("x2")]
"""Those whose LR of the bundle's own photographs fits into one tile."""


@pytest.mark.parametrize("name", SMALLER_THAN_A_TILE)
def test_tiles_do_not_fail_the_first_check_of_a_shipped_network(name: str) -> None:
    """`export` and `check` without options judge by the two photographs of the parity pack."""
    model = load_model(name)
    scale, drops = model.config.scale, []

    def reference(lr: Array) -> Array:
        return model(torch.from_numpy(lr)).numpy()

    for photograph in PHOTOGRAPHS:
        hr = crop_to_multiple(photograph.read(), scale)
        lr = to_nchw(downscale_matlab8(hr, scale))
        tiled = upscale_tiled(reference, lr, scale, DEFAULT_TILE, DEFAULT_OVERLAP, DEFAULT_FILL)
        whole, cut = (psnr(to_hwc(sr), hr, border=scale) for sr in (reference(lr), tiled))
        drops.append(whole - cut)
    assert judge_tiling(drops).gate == "pass", drops
