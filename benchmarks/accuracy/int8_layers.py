"""How the INT8 layers of artifacts were chosen, from the manifest, for `check` and the report. Measures nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks.records.made_of import LayerRow, LayersRecord
from benchmarks.subjects.subject import Origin
from runtimes.bundle.int8_choice import DefaultLayers, LayerLoss, SearchedLayers
from runtimes.bundle.manifest import Artifact

SHOWN = 10  # of the layers that lose most


def layers_records(artifacts: Sequence[Artifact], origin: Origin) -> tuple[LayersRecord, ...]:
    """One for each artifact whose manifest entry says how its layers were chosen."""
    chosen = ((it, it.choice.int8) for it in artifacts if it.choice is not None)
    return tuple(_record(artifact, layers, origin) for artifact, layers in chosen if layers is not None)


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


def _record(artifact: Artifact, choice: DefaultLayers | SearchedLayers, origin: Origin) -> LayersRecord:
    record = LayersRecord(
        artifact.id,
        origin.name,
        origin.sha256,
        layers=len(choice.layers),
        reason="",
        role="artifact",
        backend=artifact.backend,
    )
    if isinstance(choice, DefaultLayers):
        reason = "the default ones" if choice.reason is None else f"the default ones: {choice.reason}"
        return replace(record, reason=reason)
    taken = next((it for it in choice.candidates if it.name == choice.chosen), None)
    return replace(
        record,
        chosen=choice.chosen,
        ms=None if taken is None else taken.ms,
        float_ms=choice.float_ms,
        drop_db=None if taken is None else taken.drop_db,
        sensitive=_sensitive(choice.layers_measured),
    )


def _sensitive(measured: Mapping[str, LayerLoss]) -> tuple[LayerRow, ...]:
    """Those that lose most, the worst first."""
    rows = [LayerRow(name, it.to_float_db, it.to_float_worst_db, it.drop_db) for name, it in measured.items()]
    return tuple(sorted(rows, key=lambda row: row.to_float_db)[:SHOWN])
