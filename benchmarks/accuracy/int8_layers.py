"""How the INT8 layers of artifacts were chosen, from the manifest, for `check` and the report. Measures nothing."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.records.made_of import LayerRow, LayersRecord
from benchmarks.subjects.subject import Origin
from runtimes.bundle.manifest import Artifact
from runtimes.bundle.strict_json import Node

SHOWN = 10  # of the layers that lose most


def layers_records(artifacts: Sequence[Artifact], origin: Origin) -> tuple[LayersRecord, ...]:
    """One for each artifact whose manifest entry says how its layers were chosen. Raises InputError naming a broken
    field."""
    chosen = ((it, it.choice["int8"]) for it in artifacts if "int8" in it.choice)
    return tuple(_record(it.id, Node(choice, f"manifest: {it.id}: int8"), origin) for it, choice in chosen)


def layers_line(record: LayersRecord) -> str:
    """One record in words."""
    count = "" if record.layers is None else f"{record.layers} "
    if record.chosen is None:
        return f"{record.artifact}: {count}INT8 layers, {record.reason}"
    measured = f"found by a search ({record.chosen})"
    if record.ms is not None and record.float_ms is not None:
        measured += f", {record.ms:.2f} ms against {record.float_ms:.2f} without INT8"
    if record.drop_db is not None:
        measured += f", {record.drop_db:.4f} dB lost on its tiles"
    worst = ", ".join(f"{row.layer} ({row.to_float_db:.1f} dB)" for row in record.sensitive[:3])
    return f"{record.artifact}: {count}INT8 layers, {measured}; most sensitive by themselves: {worst or 'not measured'}"


def _record(artifact: str, choice: Node, origin: Origin) -> LayersRecord:
    names = choice.member("layers")
    count = None if names.value is None else len(names.texts())
    how = choice.member("how").text()
    if how != "searched":
        reason = choice.member("reason").optional_text()
        said = f"the {how} ones" if reason is None else f"the {how} ones: {reason}"
        return LayersRecord(artifact, origin.name, origin.sha256, count, said)
    chosen = choice.member("chosen").text()
    candidates = choice.member("candidates").items()
    taken = next((it for it in candidates if it.member("name").text() == chosen), None)
    return LayersRecord(
        artifact,
        origin.name,
        origin.sha256,
        count,
        "",
        chosen,
        None if taken is None else taken.member("ms").number(),
        choice.member("float_ms").number(),
        None if taken is None else taken.member("drop_db").number(),
        _sensitive(choice.member("layers_measured")),
    )


def _sensitive(measured: Node) -> tuple[LayerRow, ...]:
    """Those that lose most, the worst first."""
    figures = ("to_float_db", "to_float_worst_db", "drop_db")
    rows = [
        LayerRow(name, *(found.member(key).number() for key in figures)) for name, found in measured.mapping().items()
    ]
    return tuple(sorted(rows, key=lambda row: row.to_float_db)[:SHOWN])
