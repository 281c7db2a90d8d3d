"""How work is cut into pieces. The rest of the driver: test_run.py."""

from __future__ import annotations

import pytest

from runtimes.upscale.fleet.outcomes import blocks_of


@pytest.mark.parametrize(
    ("files", "at_once", "blocks"),
    [(1, 2, 1), (300, 2, 300), (5_000, 2, 500), (10_000, 2, 625), (10**6, 2, 2000), (10**6, 1000, 16_000)],
)
def test_pieces_are_few_where_the_start_counts_and_enough_for_the_end(files: int, at_once: int, blocks: int) -> None:
    assert blocks_of(files, at_once) == blocks
