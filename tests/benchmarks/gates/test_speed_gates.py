from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.gates.speed_gates import Requirement, Timing, judge_requirement, parse_requirement, stated_ratio
from dlgsanet.errors import ExitCode, InputError, UnavailableError

SHA = "d" * 64


def timing(name: str, ms: float, noise: float = 0.01, tile: tuple[int, int] = (8, 8), seed: int = 0) -> Timing:
    samples = np.random.default_rng(seed).normal(ms, ms * noise, 40).tolist()
    return Timing(f"{name}-{tile[0]}x{tile[1]}", tile, samples, role="artifact", backend=name)


TIMINGS = [timing("openvino-bf16", 8, seed=1), timing("openvino-fp32", 10, seed=2), timing("torch-official", 80)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A<0.87*B", ("A", True, 0.87, "B")),
        (" openvino-bf16 < torch-official ", ("openvino-bf16", True, 1.0, "torch-official")),
        ("a>2 * b", ("a", False, 2.0, "b")),
        ("openvino-int8-8x8<0.9*openvino-bf16-8x8", ("openvino-int8-8x8", True, 0.9, "openvino-bf16-8x8")),
    ],
)
def test_requirements_are_read(text: str, expected: tuple[str, bool, float, str]) -> None:
    found = parse_requirement(text)
    assert (found.left, found.less, found.factor, found.right) == expected


@pytest.mark.parametrize(
    "text",
    ["", "A", "A<", "<B", "A<0.87B", "A<0*B", "A<-1*B", "A<=B", "A<1e3*B", "A<B<C", "A==B", "A<0.8*B; rm", "A<1*2*B"],
)
def test_what_is_no_requirement_is_refused_as_wrong_usage(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_requirement(text)
    assert caught.value.exit_code == ExitCode.USAGE


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse_requirement(text), Requirement)
    except InputError as error:
        assert "\n" not in str(error)


def test_it_holds_only_beyond_the_interval() -> None:
    (good,) = judge_requirement(parse_requirement("openvino-bf16<0.87*openvino-fp32"), TIMINGS, {}, SHA)
    assert good.gate == "pass" and good.ratio == pytest.approx(0.8, abs=0.01)
    assert good.required == "openvino-bf16<0.87*openvino-fp32"
    (tight,) = judge_requirement(parse_requirement("openvino-bf16<0.8*openvino-fp32"), TIMINGS, {}, SHA)
    assert tight.gate == "fail" and "upper end" in tight.reason
    (more,) = judge_requirement(parse_requirement("torch-official>5*openvino-bf16"), TIMINGS, {}, SHA)
    assert more.gate == "pass"


def test_noise_does_not_pass() -> None:
    """The median ratio is below the factor, but the interval is not."""
    noisy = [timing("a", 9.8, noise=0.3, seed=3), timing("b", 10, noise=0.3, seed=4)]
    (found,) = judge_requirement(parse_requirement("a<1.02*b"), noisy, {}, SHA)
    assert found.ratio < 1.02 < found.ratio_high and found.gate == "fail"


def test_every_common_tile_must_hold() -> None:
    wide = (16, 16)
    timings = [*TIMINGS, timing("openvino-bf16", 30, tile=wide), timing("openvino-fp32", 20, tile=wide, seed=5)]
    found = judge_requirement(parse_requirement("openvino-bf16<openvino-fp32"), timings, {}, SHA)
    assert [(it.tile, it.gate) for it in found] == [((8, 8), "pass"), (wide, "fail")]


def test_different_tiles_are_not_compared() -> None:
    timings = [timing("a", 8), timing("b", 10, tile=(16, 16))]
    with pytest.raises(InputError, match="none in common"):
        judge_requirement(parse_requirement("a<b"), timings, {}, SHA)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("openvino<torch-official", "may be openvino-bf16, openvino-fp32"),
        ("openvino-fb16<torch-official", "did you mean openvino-bf16-8x8"),
        ("openvino-bf16<openvino-bf16-8x8", "found one twice"),
    ],
)
def test_unclear_names_are_wrong_usage(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        judge_requirement(parse_requirement(text), TIMINGS, {}, SHA)


def test_what_was_not_timed_here_is_unavailable_and_no_pass() -> None:
    missing = {"tensorrt-fp16-8x8": "no GPU"}
    with pytest.raises(UnavailableError, match="tensorrt-fp16-8x8 was not measured here: no GPU"):
        judge_requirement(parse_requirement("tensorrt-fp16<torch-official"), TIMINGS, missing, SHA)


def torch_timing(ms: float, alone: float) -> Timing:
    found, apart = timing("torch-official", ms), timing("torch-official", alone, seed=9)
    return Timing(found.name, found.tile, found.samples_ms, apart.samples_ms, role="peer", backend="torch")


def alone(it: Timing, ms: float) -> Timing:
    return Timing(it.name, it.tile, it.samples_ms, timing("", ms, seed=8).samples_ms, role="artifact", backend="e")


def test_beside_torch_each_counts_with_its_better_measurement() -> None:
    artifact = alone(timing("openvino-fp32", 25), 20)
    ratio = stated_ratio(artifact, torch_timing(120, 100), SHA)
    assert ratio.apart and ratio.ratio == pytest.approx(20 / 100, rel=0.02)
    ratio = stated_ratio(artifact, torch_timing(120, 130), SHA)
    assert ratio.apart and ratio.ratio == pytest.approx(20 / 120, rel=0.02)
    in_rounds = stated_ratio(alone(artifact, 30), torch_timing(120, 130), SHA)
    assert not in_rounds.apart and in_rounds.ratio == pytest.approx(25 / 120, rel=0.02)


def test_artifacts_are_compared_in_their_rounds() -> None:
    ratio = stated_ratio(alone(timing("a", 10), 5), alone(timing("b", 20), 20), SHA)
    assert not ratio.apart and ratio.ratio == pytest.approx(0.5, rel=0.02)
