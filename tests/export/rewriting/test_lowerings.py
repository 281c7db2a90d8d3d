from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from dlgsanet.network.dynamic_conv import dynamic_depthwise_conv
from export.rewriting import dynamic_conv_forms as dynamic_forms
from export.rewriting.dynamic_conv_forms import TAPS
from export.rewriting.lowerings import FORMS
from export.targets.row import LOWERINGS


def filter_maker(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels // 4, channels // 6 * TAPS, 1, dtype=torch.float64).requires_grad_(False)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(("channels", "tile"), [(12, (1, 1)), (24, (5, 9)), (18, (8, 3)), (48, (7, 8))])
def test_a_lowering_is_the_dynamic_convolution(name: str, channels: int, tile: tuple[int, int]) -> None:
    torch.manual_seed(0)
    last = filter_maker(channels)
    u = torch.randn(1, channels, *tile, dtype=torch.float64)
    z = torch.randn(1, channels // 4, *tile, dtype=torch.float64)
    expected = dynamic_depthwise_conv(u, last(z), 7)
    found = FORMS[name].make(last, tile)(u, z)
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", FORMS)
def test_a_flipped_tap_is_seen(name: str) -> None:
    torch.manual_seed(0)
    last, tile = filter_maker(12), (6, 5)
    u = torch.randn(1, 12, *tile, dtype=torch.float64)
    z = torch.randn(1, 3, *tile, dtype=torch.float64)
    expected = dynamic_depthwise_conv(u, last(z), 7)
    last.weight[[10, 11]] = last.weight[[11, 10]]  # two taps of the first filter change places
    assert not torch.allclose(FORMS[name].make(last, tile)(u, z), expected, rtol=0, atol=1e-6)


def test_the_names_of_the_targets_table_are_the_forms() -> None:
    assert tuple(FORMS) == LOWERINGS


def test_a_large_tile_is_computed_in_bands_and_stays_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamic_forms, "BAND", 20)
    torch.manual_seed(0)
    last, tile = filter_maker(12), (9, 8)
    form = FORMS["basis"].make(last, tile)
    assert len(form.bands) == 4
    u, z = torch.randn(1, 12, *tile, dtype=torch.float64), torch.randn(1, 3, *tile, dtype=torch.float64)
    assert torch.allclose(form(u, z), dynamic_depthwise_conv(u, last(z), 7), rtol=0, atol=1e-12)


@pytest.mark.parametrize("tile", [(128, 128), (180, 320), (3, 100_000), (1, 1)])
def test_bands_cover_all_rows_once(tile: tuple[int, int]) -> None:
    found = dynamic_forms.bands(tile)
    assert sum(rows for _, rows in found) == tile[0] and found[0][0] == 0
    assert all(low + rows == high for (low, rows), (high, _) in itertools.pairwise(found))
    largest = max(rows for _, rows in found) - 1  # a rest may make a band one row higher
    assert largest * tile[1] < dynamic_forms.BAND
