"""What the table holds, and the table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.records.study_file import StudyFile
from benchmarks.studies.zoo.judge import Result
from runtimes.file_formats.markdown import markdown_table

TARGETS = (
    "onnxruntime-fp32", "openvino-fp32", "openvino-bf16", "coreml-fp16", "tensorrt-fp16", "tensorrt-rtx-fp16",
    "onnxruntime-int8", "openvino-int8-mixed",
)  # fmt: skip
NODE = re.compile(r"no form of (\w+)")


@dataclass(frozen=True)
class ZooCell:
    """A network through a target. `to_module_db`: PSNR of the worse photograph to the PyTorch module, None where it was
    not run or is equal. `where`: of one that fails, the tensor at which its error jumps (`jump`)."""

    network: str
    kind: str
    target: str
    result: Result
    reason: str
    to_module_db: float | None
    where: str = ""


@dataclass(frozen=True)
class Zoo(StudyFile):
    """All cells, and the versions that made them."""

    cells: tuple[ZooCell, ...]
    tools: Mapping[str, str]


def table(zoo: Zoo) -> str:
    """A line for each network, a column for each target."""
    lines: dict[tuple[str, str], dict[str, ZooCell]] = {}
    for cell in zoo.cells:
        lines.setdefault((cell.network, cell.kind), {})[cell.target] = cell
    rows = [(name, kind, *(_shown(cells.get(target)) for target in TARGETS)) for (name, kind), cells in lines.items()]
    return markdown_table(("network", "kind", *TARGETS), rows)


def reasons_table(zoo: Zoo) -> str:
    """Why cells do not pass: the reason, which networks it holds for, and where in a network it begins."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for cell in zoo.cells:
        if cell.reason:
            found.setdefault((cell.target, cell.result, cell.where, cell.reason), []).append(cell.network)
    rows = [(target, result, ", ".join(names), where, why) for (target, result, where, why), names in found.items()]
    return markdown_table(("target", "", "networks", "error jumps at", "reason"), sorted(rows))


def _shown(cell: ZooCell | None) -> str:
    if cell is None:
        return "not run"
    if cell.result == "refused" and (found := NODE.search(cell.reason)):
        return f"refused: {found[1]}"
    if cell.result == "passes" and cell.to_module_db is not None:
        return f"{cell.to_module_db:.0f} dB"
    return cell.result
