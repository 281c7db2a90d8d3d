"""The outcome of a file from those of its pieces. What a record holds is read in tests/benchmarks/latency/fleet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtimes.upscale.fleet.record import DONE, FAILED, JOINED, NOT_ONE_KIND, THERE, FileOutcome, of_all_pieces

PIECE = FileOutcome("a.mkv", "a_x2.mkv", DONE, "x-fp32", "fp32", "m1", 1.5, 0.5)


def test_pieces_become_one_line() -> None:
    found = of_all_pieces([PIECE, replace(PIECE, machine="m0", status=JOINED, attempts=2), PIECE])
    assert found == replace(PIECE, machine="m0, m1", seconds=4.5, megapixels=1.5, attempts=2)


@pytest.mark.parametrize(
    ("status", "becomes", "reason"),
    [
        ((THERE, THERE), THERE, ""),
        ((DONE, THERE), DONE, ""),
        ((FAILED, JOINED), DONE, ""),
        ((DONE, FAILED), FAILED, "broken"),
        ((DONE, DONE), FAILED, NOT_ONE_KIND),
    ],
)
def test_a_film_is_done_where_it_was_joined(status: tuple[str, ...], becomes: str, reason: str) -> None:
    found = of_all_pieces([replace(PIECE, status=one, reason="broken" if one == FAILED else "") for one in status])
    assert (found.status, found.reason) == (becomes, reason)


@pytest.mark.parametrize("status", [DONE, THERE, FAILED])
def test_a_picture_is_one_piece(status: str) -> None:
    picture = replace(PIECE, target="a.png", status=status, reason="r" if status == FAILED else "")
    assert of_all_pieces([picture]) == picture
