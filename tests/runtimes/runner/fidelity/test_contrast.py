from __future__ import annotations

import numpy as np
import pytest

from runtimes.runner.fidelity.contrast import CHROMA, LUMA, ContrastSums, Gains, Plane


def picture() -> Plane:
    rough = np.random.default_rng(3).normal(128, 40, (3, 64, 80))
    return np.asarray(rough + np.linspace(-40, 40, 80), np.float32)


def gains(error: Plane, reference: Plane) -> Gains:
    sums = ContrastSums()
    sums.add(error, reference)
    return sums.gains()


def test_a_gain_is_told_and_noise_has_none() -> None:
    reference = picture()
    found = gains(reference * np.float32(-0.01), reference)
    assert found == pytest.approx(
        {"contrast": -0.01, "saturation": -0.01, "detail": -0.01, "colour_detail": -0.01}, rel=1e-3
    )
    noise = np.random.default_rng(4).normal(0, 1, reference.shape).astype(np.float32)
    assert all(abs(value or 0) < 2e-3 for value in gains(noise, reference).values())


def test_a_shift_is_no_gain() -> None:
    found = gains(np.full((3, 64, 80), 5, np.float32), picture())
    assert all(abs(value or 0) < 1e-4 for value in found.values())


def test_blurred_chroma_is_told_apart_from_luma() -> None:
    reference = picture()
    whole = np.concatenate([LUMA[None], CHROMA])
    channels = np.tensordot(whole, reference, 1)
    blurred = channels.copy()
    for channel in (1, 2):
        wide = np.pad(channels[channel], 1, mode="edge")
        blurred[channel] = sum(wide[y : y + 64, x : x + 80] for y in range(3) for x in range(3)) / 9
    error = np.tensordot(np.linalg.inv(whole), blurred - channels, 1).astype(np.float32)
    found = gains(error, reference)
    assert found["colour_detail"] is not None and found["colour_detail"] < -0.5
    assert found["detail"] == pytest.approx(0, abs=1e-3) and found["contrast"] == pytest.approx(0, abs=1e-3)


def test_the_error_of_colour_is_in_levels_and_grey_error_has_none() -> None:
    grey = np.full((3, 8, 8), 6, np.float32)
    assert ContrastSums().add(grey, picture()[:, :8, :8]) == pytest.approx(0, abs=1e-4)
    blue = np.zeros((3, 8, 8), np.float32)
    blue[2] = 4
    assert ContrastSums().add(blue, picture()[:, :8, :8]) == pytest.approx(
        4 * np.sqrt((0.5**2 + 0.081312**2) / 2), rel=1e-3
    )


def test_a_grey_picture_has_no_colour_to_judge() -> None:
    grey = np.broadcast_to(picture()[:1], (3, 64, 80)).copy()
    found = gains(np.float32(0.01) * grey, grey)
    assert found["saturation"] is None and found["colour_detail"] is None
    assert found["contrast"] == pytest.approx(0.01, rel=1e-3)
