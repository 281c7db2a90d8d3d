"""Write what is generated into README.md and docs/: `python -m docs.update_tables` (or `make docs`).

A table lies between `<!-- table: NAME -->` and `<!-- end of table -->`. Its figures come from the committed files in
benchmarks/results, facts of the code from the code. The picture of the imports is made anew, too. A test fails when
they have drifted apart.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.report import inside_tables
from docs.tables import accuracy, coreml, coverage, front_page, gates, imports, json_schema, latency, reference, studies
from export.targets.views import targets_table

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
SCHEMAS = ROOT / "docs" / "reference" / "schemas"
BLOCK = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)

TABLES: Mapping[str, Callable[[], str]] = {
    "accuracy": accuracy.accuracy,
    "accuracy-all": accuracy.accuracy_all,
    "basis-rank": studies.ranks,
    "blocks": lambda: inside_tables.blocks(studies.inside()),
    "compiling": latency.compiling,
    "coreml": coreml.coreml,
    "coreml-cards": coreml.coreml_cards,
    "coverage": coverage.coverage,
    "default-targets": reference.default_targets,
    "exit-codes": reference.exit_codes,
    "families": reference.families,
    "fuzz": studies.fuzzing,
    "kills": studies.killing,
    "kills-going-on": studies.killing_going_on,
    "frames": studies.frames,
    "front-page": front_page.front_page,
    "gates": gates.gates,
    "int8-choices": studies.int8_choices,
    "int8-layers": studies.int8_layers,
    "int8-trials": studies.int8_trials,
    "int8-text": studies.int8_text,
    "int8-page-limits": studies.int8_page_limits,
    "jobs": latency.jobs,
    "ladder": lambda: inside_tables.ladder(studies.inside()),
    "latency": latency.latency,
    "lowerings": studies.lowerings,
    "manifest": reference.manifest,
    "others": accuracy.others,
    "overlap": studies.overlap,
    "passes": studies.passes,
    "peers": latency.peers,
    "planted-faults": studies.faults,
    "planted-faults-each": studies.each_fault,
    "pipeline": studies.pipeline,
    "probe-cost": studies.probe_costs,
    "plane": studies.peers_plane,
    "recipe": reference.recipe,
    "records": reference.records,
    "rtx-kernels": studies.rtx,
    "shipped": front_page.shipped,
    "sizes": studies.sizes,
    "targets": targets_table,
    "tensorrt": accuracy.tensorrt,
    "tiles": studies.tiles,
    "training-arms": partial(studies.arms, "arms"),
    "training-arms-nano": partial(studies.arms, "arms-nano"),
    "training-targets": partial(studies.arms, "targets"),
    "training-curves": studies.curves,
    "training-speed": studies.training,
    "verbs": reference.verbs,
    "weights": front_page.weights,
    "work": lambda: inside_tables.work(studies.inside()),
    "worth": latency.worth,
    "fleet-nodes": studies.fleet_nodes,
    "fleet-start": studies.fleet_start,
    "fleet-actors": studies.fleet_actors,
    "image-sizes": studies.images,
    "served": studies.served,
    "second-export": studies.second_exports,
    "upscale-start": studies.upscale_starts,
    "upscale-opening": studies.upscale_openings,
    "videos": studies.videos,
    "zoo": studies.zoo,
    "zoo-reasons": studies.zoo_reasons,
}


def pages() -> list[Path]:
    """Every page that has a generated table."""
    candidates = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in candidates if BLOCK.search(page.read_text(encoding="utf-8"))]


def updated(text: str) -> str:
    """A page with its tables made anew; KeyError for a table that does not exist."""
    return BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]]()}\n{block[3]}", text)


def stale() -> dict[Path, str]:
    """The files that are not what would be generated now, with what they should hold."""
    wanted = {page: updated(page.read_text(encoding="utf-8")) for page in pages()}
    wanted[PICTURE] = imports.picture()
    wanted |= {SCHEMAS / name: text for name, text in json_schema.schema_texts().items()}
    return {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def main() -> None:
    """Rewrite the files that changed and name them."""
    for path, text in stale().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"updated {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
