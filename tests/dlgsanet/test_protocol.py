from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dlgsanet import metrics
from dlgsanet.errors import InputError
from dlgsanet.protocol import Protocol, require_same

TILED = Protocol(
    scale=4,
    colour="y",
    border=4,
    rounded=True,
    lr_source="bicubic-matlab8",
    tile=(128, 128),
    overlap=16,
    dataset_sha256="ab12cd34" * 8,
)
OTHER_VALUES = {
    "scale": 2,
    "colour": "rgb",
    "border": 2,
    "rounded": False,
    "lr_source": "bicubic-float",
    "tile": (64, 128),
    "overlap": 8,
    "dataset_sha256": "0" * 64,
}


def test_ids_are_readable_and_stable():
    assert TILED.id == "x4/y/b4/r8/bicubic-matlab8/t128x128+16/ab12cd34"
    whole = dataclasses.replace(TILED, tile=None, overlap=None, rounded=False)
    assert whole.id == "x4/y/b4/float/bicubic-matlab8/whole/ab12cd34"


def test_every_field_moves_the_id_and_forbids_the_comparison():
    assert set(OTHER_VALUES) == {field.name for field in dataclasses.fields(Protocol)}
    for name, value in OTHER_VALUES.items():
        other = dataclasses.replace(TILED, **{name: value})
        with pytest.raises(InputError, match="expected numbers of one protocol"):
            require_same(TILED.id, other.id)


def test_one_id_may_be_compared():
    require_same(TILED.id, dataclasses.replace(TILED).id)


def test_the_refusal_names_what_differs():
    other = dataclasses.replace(TILED, border=2, colour="rgb")
    with pytest.raises(InputError, match="found colour y / rgb, border b4 / b2;"):
        require_same(TILED.id, other.id)
    with pytest.raises(InputError, match="'nonsense'"):
        require_same(TILED.id, "nonsense")


def test_it_measures_as_it_says():
    rng = np.random.default_rng(0)
    a, b = (rng.random((30, 30, 3)) for _ in range(2))
    for protocol in (TILED, dataclasses.replace(TILED, border=2, colour="rgb", rounded=False)):
        options = {"border": protocol.border, "colour": protocol.colour, "rounded": protocol.rounded}
        assert protocol.psnr(a, b) == metrics.psnr(a, b, **options)
        assert protocol.ssim(a, b) == metrics.ssim(a, b, **options)
    assert TILED.psnr(a, b) != protocol.psnr(a, b)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scale", 0),
        ("border", -1),
        ("colour", "Y"),
        ("lr_source", ""),
        ("lr_source", "a/b"),
        ("tile", None),
        ("overlap", None),
        ("dataset_sha256", "ab12cd34"),
    ],
)
def test_impossible_fields_are_refused(field, value):
    with pytest.raises(InputError, match="expected"):
        dataclasses.replace(TILED, **{field: value})
