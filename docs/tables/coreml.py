"""Tables of Core ML: packages on the interpreter, and what their programs ask of the Neural Engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.records.accuracy import AccuracyRecord
from docs.tables.accuracy import COLUMNS, accuracy_row
from docs.tables.results import RESULTS, results
from runtimes.file_formats.markdown import markdown_table


def coreml() -> str:
    """Core ML packages on the interpreter, on each data set."""
    records = [record for file in results("coreml-check-*.json") for record in file.of(AccuracyRecord)]
    rows = [accuracy_row(record) for record in records if record.backend == "coreml"]
    return markdown_table(("package", *COLUMNS), rows)


def coreml_cards() -> str:
    """Sizes of the packages, and what their programs ask of the Neural Engine."""
    head = (
        "package", "MB", "of fp32's", "weights, of fp32's", "operators", "leave the engine", "memory for padding",
        "moved by a tile, MB", "fp16 range used",
    )  # fmt: skip
    rows = []
    for path in sorted(RESULTS.glob("coreml-cards-*.json")):
        model = path.stem.removeprefix("coreml-cards-")
        packages = json.loads(path.read_text(encoding="utf-8"))
        full = next(package for name, package in packages.items() if name.startswith("coreml-fp32-"))
        # An image package is the same program with four operators more.
        rows += [
            (f"{model} {name}", *_card(package, full)) for name, package in packages.items() if "-image-" not in name
        ]
    return markdown_table(head, rows)


def _card(package: Mapping[str, Any], full: Mapping[str, Any]) -> tuple[str, ...]:
    card, size = package["card"], package["package_bytes"]
    return (
        f"{size / 1e6:.2f}",
        f"{size / full['package_bytes']:.2f}",
        f"{card['weight_bytes'] / full['card']['weight_bytes']:.2f}",
        str(card["operators"]),
        ", ".join(f"{count} ({why})" for why, count in card["off_engine"].items()),
        f"x{card['padding']:.2f}",
        f"{card['moved_bytes'] / 1e6:.0f}",
        f"{100 * max(package['range_used'].values()):.2f} %",
    )
