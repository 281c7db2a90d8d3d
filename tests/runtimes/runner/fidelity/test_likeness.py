"""Every figure against the fault that it is for: what decibels of the whole let pass."""

from __future__ import annotations

import numpy as np
import pytest

from runtimes.runner.fidelity.likeness import Likeness, LikenessMeter, largest_patch, probe_figures
from runtimes.runner.tiling import Array

TILE, SCALE, OVERLAP = (24, 24), 4, 8


def reference(seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    return np.clip(random.normal(0.5, 0.3, (1, 3, 160, 240)), 0, 1).astype(np.float32)


def noisy(picture: Array, levels: float = 0.3) -> Array:
    return (picture + np.random.default_rng(9).normal(0, levels / 255, picture.shape)).astype(np.float32)


def measured(*pairs: tuple[Array, Array]) -> Likeness:
    meter = LikenessMeter(TILE, SCALE, OVERLAP)
    for index, (sr, wanted) in enumerate(pairs):
        meter.add(f"image {index}", sr, wanted)
    return meter.figures()


def test_equal_pictures_have_no_figure() -> None:
    found = measured((reference(), reference()))
    assert found.shift == (0, 0, 0) and found.image_shift == found.patch == found.chroma == 0
    assert found.speck == found.line == found.step == found.dots == 0
    assert found.blacks == found.whites == 0 and found.contrast == found.colour_detail == found.seams == 0


def test_noise_alone_stays_small() -> None:
    found = measured((noisy(reference()), reference()))
    assert max(map(abs, found.shift)) < 0.01 and found.patch < 0.5
    assert abs(found.blacks or 0) < 0.2 and abs(found.seams or 0) < 0.05


def test_a_shift_in_one_image_is_not_hidden_by_the_others() -> None:
    green = noisy(reference())
    green[:, 1] -= np.float32(1.5 / 255)
    found = measured((green, reference()), (noisy(reference(1)), reference(1)))
    assert found.image_shift == pytest.approx(1.5, abs=0.05) and found.shift[1] == pytest.approx(-0.75, abs=0.05)


def test_the_worst_patch_names_its_image() -> None:
    broken = noisy(reference(1))
    broken[:, :, 80:88, 96:104] += np.float32(20 / 255)
    found = measured((noisy(reference()), reference()), (broken, reference(1)))
    assert found.patch == pytest.approx(20, abs=0.5) and found.patch_image == "image 1"


def test_crushed_and_lifted_ends_are_seen_only_there() -> None:
    clamped = np.clip(reference(), 8 / 255, 247 / 255).astype(np.float32)
    found = measured((clamped, reference()))
    assert found.blacks is not None and found.blacks > 5
    assert found.whites is not None and found.whites < -5
    middle = np.clip(reference(), 0.2, 0.8).astype(np.float32)
    assert measured((middle, middle)).blacks is None


def test_what_is_beyond_black_and_white_is_not_seen_there() -> None:
    found = measured((np.where(reference() == 0, np.float32(-0.2), reference()), reference()))
    assert found.blacks == 0


def test_errors_at_the_seams_are_told_from_those_inside() -> None:
    broken = noisy(reference())
    broken[:, :, :, 76:84] = noisy(reference(), 3)[:, :, :, 76:84]  # around one middle of an overlap
    broken[:, :, :, 156:164] = noisy(reference(), 3)[:, :, :, 156:164]
    found = measured((broken, reference()))
    assert found.seams is not None and found.seams > 0.2


def test_one_tile_has_no_seams_and_no_image_no_figures() -> None:
    small = reference()[:, :, :80, :80]
    assert measured((small, small)).seams is None
    with pytest.raises(ValueError, match="at least one image"):
        LikenessMeter(TILE, SCALE, OVERLAP).figures()


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 8, 20), (3, 33, 17)])
def test_patches_fit_every_size(shape: tuple[int, int, int]) -> None:
    assert largest_patch(np.full(shape, -3, np.float32)) == pytest.approx(3)


def test_a_probe_tile_is_judged_as_it_is_seen() -> None:
    white = np.ones((1, 3, 64, 64), np.float32)
    assert probe_figures("white", white + np.float32(0.1), white).patch == 0
    dead = white.copy()
    dead[:, :, 10:12, 10:12] = 0
    found = probe_figures("white", dead, white)
    assert found.probe == "white" and found.patch == pytest.approx(255 / 4)
    red = white.copy()
    red[:, 0] -= np.float32(3 / 255)
    assert probe_figures("white", red, white).shift == pytest.approx((-3, 0, 0), abs=1e-3)
