"""How soon `upscale` has its first tile: read from what the command says with `-v`."""

from __future__ import annotations

from benchmarks.studies.upscale.start import CHOICE, FIRST, StartRow, StartTimes, moments, table


def test_moments_are_those_of_the_lines() -> None:
    said = [
        (0.2, "0:00:00  checking a.png"),
        (0.5, "using openvino-bf16-128x128 on CPU (bf16), the fastest of 2 here"),
        (0.6, "0:00:00  a.png"),
        (0.7, "0:00:00  a.png"),
        (0.8, "0:00:00  a.png"),
    ]
    assert moments(said, "a.png") == (0.2, 0.6, 0.7)


def test_the_table_names_what_was_chosen_by_timing() -> None:
    rows = (StartRow("x-bf16", 0.2, 0.5, 0.61), StartRow(CHOICE, 0.2, 0.5, 0.64), StartRow(FIRST, 0.2, 2.5, 2.6))
    lines = table([StartTimes("nano-x4", "M, 2 cores", 7, rows, families=4)]).splitlines()
    assert lines[2] == "| `x-bf16` | M, 2 cores | 0.20 | 0.50 | **0.61** |"
    assert lines[3] == "| the fastest, chosen before | M, 2 cores | 0.20 | 0.50 | **0.64** |"
    assert lines[4] == "| the fastest, chosen now among 4 | M, 2 cores | 0.20 | 2.50 | **2.60** |"
