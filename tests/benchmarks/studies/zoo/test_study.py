"""The table says what each cell is, and why."""

from __future__ import annotations

from pathlib import Path

from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies.zoo.study import Zoo, ZooCell, reasons_table, table

REASON = "no form of PRelu (prelu_1.PRelu) is known for Core ML: leave coreml out"
FAULT = "mean drop |0.5| dB > 0.001"
ZOO = Zoo(
    (
        ZooCell("One", "convolutions", "onnxruntime-fp32", "passes", "", 121.4),
        ZooCell("One", "convolutions", "coreml-fp16", "refused", REASON, None),
        ZooCell("One", "convolutions", "tensorrt-rtx-fp16", "compiled", "", None),
        ZooCell(
            "Two",
            "convolutions",
            "onnxruntime-fp32",
            "fails",
            "mean drop |0.5| dB > 0.001",
            30.0,
            "body.1: 90 -> 30 dB",
        ),
        ZooCell("Two", "convolutions", "coreml-fp16", "refused", REASON, None),
    ),
    {"torch": "2.13.0"},
)


def test_every_network_has_a_line() -> None:
    lines = table(ZOO).splitlines()
    assert lines[0].startswith("| network | kind | onnxruntime-fp32 | openvino-fp32 |")
    assert lines[2].startswith("| One | convolutions | 121 dB | not run | not run | refused: PRelu |")
    assert lines[3].startswith("| Two | convolutions | fails | not run |")


def test_a_reason_names_its_networks() -> None:
    lines = reasons_table(ZOO).splitlines()
    assert f"| coreml-fp16 | refused | One, Two |  | {REASON} |" in lines
    assert "| onnxruntime-fp32 | fails | Two | body.1: 90 -> 30 dB | mean drop \\|0.5\\| dB > 0.001 |" in lines
    assert len(lines) == 4


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_study(tmp_path / "zoo.json", ZOO)
    assert read_study(Zoo, tmp_path / "zoo.json") == ZOO
