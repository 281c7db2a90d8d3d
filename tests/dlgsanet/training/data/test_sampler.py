"""Drawing patches: aligned, detailed, shared among processes without overlap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlgsanet.errors import InputError
from dlgsanet.imaging.resize import downscale_matlab8
from dlgsanet.training.data.pixel_store import PatchStore, open_store
from dlgsanet.training.data.sampler import PatchSampler, Share, detail, oriented


@pytest.fixture
def store(photographs: Path, tmp_path: Path) -> PatchStore:
    return open_store(photographs, 4, tmp_path / "cache")


def test_patches_are_aligned_cuts(store: PatchStore) -> None:
    lr, hr = PatchSampler([store], patch=16).batch(5, np.random.default_rng(1))
    assert lr.shape == (5, 3, 16, 16) and hr.shape == (5, 3, 64, 64)
    shrunk = np.stack([downscale_matlab8((p.transpose(1, 2, 0) * 255).round().astype(np.uint8), 4) for p in hr])
    inner = np.abs(shrunk.transpose(0, 3, 1, 2)[..., 2:-2, 2:-2] / 255 - lr[..., 2:-2, 2:-2])
    assert inner.max() <= 1.01 / 255  # only the order of rounding differs in turned patches


@pytest.mark.parametrize("count", [2, 3])
def test_shares_of_a_batch_are_the_batch(store: PatchStore, count: int) -> None:
    sampler = PatchSampler([store], 8, candidates=3)
    whole_rng = np.random.default_rng(5)
    for _ in range(2):  # the random numbers stay in step
        whole = sampler.batch(6, whole_rng)
    parts = []
    for rank in range(count):
        rng = np.random.default_rng(5)
        for _ in range(2):
            part = sampler.batch(6, rng, Share(rank, count))
        parts.append(part)
        assert rng.bit_generator.state == whole_rng.bit_generator.state
    for side in (0, 1):
        assert np.array_equal(np.concatenate([part[side] for part in parts]), whole[side])


def test_a_batch_that_cannot_be_shared(store: PatchStore) -> None:
    with pytest.raises(InputError, match="4 processes share equally, found 6"):
        PatchSampler([store], 8).batch(6, np.random.default_rng(0), Share(0, 4))


def test_several_folders_are_one_pool(store: PatchStore, tmp_path: Path) -> None:
    from dlgsanet.imaging.files import write_picture

    write_picture(tmp_path / "white" / "w.png", np.full((64, 64, 3), 255, np.uint8))
    white = open_store(tmp_path / "white", 4, tmp_path / "cache")
    hr = PatchSampler([store, white], 8).batch(60, np.random.default_rng(0))[1]
    assert 3 <= (hr.min(axis=(1, 2, 3)) == 1).sum() <= 30  # a fifth of the area


def test_eight_orientations_are_distinct_and_candidates_prefer_detail() -> None:
    patch = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    assert len({oriented(patch, k).tobytes() for k in range(8)}) == 8
    assert detail(np.zeros((4, 4, 3), np.uint8)) == 0 < detail(patch)


def test_images_smaller_than_the_patch_are_named(store: PatchStore) -> None:
    assert PatchSampler([store], patch=16).too_small == ()
    assert PatchSampler([store], patch=17).too_small == ("p1.png", "p2.png")
    with pytest.raises(InputError, match="at least 400 pixels a side, found none among 3"):
        PatchSampler([store], patch=100)
