"""Fax strips as libtiff writes them, whole, cut and broken; the codes prove themselves by being complete."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dlgsanet.imaging.formats import fax
from dlgsanet.imaging.formats.fax import GROUP3, GROUP4, RUN_LENGTHS, require_fax

SCHEMES = {"tiff_ccitt": RUN_LENGTHS, "group3": GROUP3, "group4": GROUP4}


def boxes(height: int, width: int, seed: int) -> NDArray[np.bool_]:
    rng = np.random.default_rng(seed)
    page = np.zeros((height, width), bool)
    for _ in range(8):
        top, left = rng.integers(0, height), rng.integers(0, width)
        page[top : top + rng.integers(1, height), left : left + rng.integers(1, width)] ^= True
    return page


def strip(page: NDArray[np.bool_], scheme: str, **tags: int) -> bytes:
    stream = io.BytesIO()
    picture = Image.fromarray(page.astype(np.uint8) * 255).convert("1")
    picture.save(stream, "TIFF", compression=scheme, tiffinfo={278: page.shape[0], **tags})
    with Image.open(stream) as image:
        (offset,), (length,) = image.tag_v2[273], image.tag_v2[279]
    return stream.getvalue()[offset : offset + length]


@pytest.mark.parametrize("codes", [fax._WHITE, fax._BLACK])
def test_no_code_begins_another_and_none_is_missing(codes: tuple[str, ...]) -> None:
    every = list(fax._runs(codes))
    assert len(every) == 104
    # All but the eight bits of zero that only marks begin with.
    assert sum(2.0 ** -len(code) for code in every) == 1 - 2.0**-8
    assert not [(a, b) for a in every for b in every if a != b and b.startswith(a)]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", range(12))
def test_whole_strips_pass_and_cut_ones_do_not(scheme: str, seed: int) -> None:
    height, width = 9 + seed, (40, 333, 6000)[seed % 3]
    page = boxes(height, width, seed) if seed % 4 else np.random.default_rng(seed).random((height, width)) < 0.5
    packed = strip(page, scheme)
    require_fax(packed, width, height, SCHEMES[scheme], False, False)
    mirrored = bytes(int(f"{byte:08b}"[::-1], 2) for byte in packed)
    require_fax(mirrored, width, height, SCHEMES[scheme], False, True)
    with pytest.raises(ValueError, match="broken"):
        require_fax(packed[: len(packed) // 2], width, height, SCHEMES[scheme], False, False)
    if scheme != "group4":  # whose lines go on as the one above
        with pytest.raises(ValueError, match="broken"):
            require_fax(packed, width + 1, height, SCHEMES[scheme], False, False)
    with pytest.raises(ValueError, match="broken"):
        require_fax(packed[: len(packed) // 2] + bytes(9), width, height, SCHEMES[scheme], False, False)


def test_lines_that_refer_to_the_one_above() -> None:
    # Three lines of four white, four black pixels: run lengths, then twice "as above"; bits tell which.
    mark, along, same = fax._END_OF_LINE, "1" + "1011" + "011", "0" + "11"
    bits = mark + along + mark + same + mark + same
    packed = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    require_fax(packed, 8, 3, GROUP3, True, False)
    with pytest.raises(ValueError, match="broken"):
        require_fax(packed, 8, 4, GROUP3, True, False)
