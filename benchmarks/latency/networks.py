"""Several networks in one run: which bundles take part, whose each record is, and by which name.

In a run of several bundles a name begins with its network's; in records it does not, so that they join those of other
runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.latency.options import BenchOptions
from benchmarks.latency.rounds import Timed, compare_all
from benchmarks.records.identity import Identity
from benchmarks.records.latency import LatencyRecord, RatioRecord
from benchmarks.records.result_file import Record
from benchmarks.subjects.own_file import OWN_FILE, require_peer
from benchmarks.subjects.subject import Origin, origin_of
from benchmarks.subjects.torch_peers import PEERS, peer_id
from dlgsanet.errors import InputError
from runtimes.bundle.manifest import Artifact, Manifest, choose, read_manifest
from runtimes.runner.tiling import Tile


@dataclass(frozen=True)
class Entrant:
    """One bundle that takes part; `called` begins the names of what it holds where there are several."""

    bundle: Path
    manifest: Manifest
    artifacts: tuple[Artifact, ...]
    called: str = ""

    @property
    def origin(self) -> Origin:
        """What it was made from."""
        return origin_of(self.manifest)

    @property
    def tiles(self) -> list[Tile]:
        """The tile sizes of its artifacts, from the smallest."""
        return sorted({artifact.tile for artifact in self.artifacts})

    def peer(self, peer: str) -> Identity:
        """What a peer of this network is."""
        return OWN_FILE if self.manifest.source.foreign else PEERS[peer]

    def name(self, plain: str) -> str:
        """What an artifact or peer of it is called in this run."""
        return f"{self.called}-{plain}" if self.called else plain


Owners = Mapping[str, tuple[Entrant, str]]


def owners_of(entrants: Sequence[Entrant], options: BenchOptions) -> Owners:
    """Name in this run -> the bundle, and the name in records: what it is called there, unless two bundles hold the
    same of one checkpoint."""
    plain = [(each, name) for each in entrants for name, _ in names_of(each, options)]
    count = Counter((each.origin.sha256, name) for each, name in plain)
    return {
        each.name(name): (each, name if count[each.origin.sha256, name] == 1 else each.name(name))
        for each, name in plain
    }


def open_entrants(options: BenchOptions) -> tuple[Entrant, ...]:
    """Every bundle. Raises InputError where they cannot stand side by side."""
    places = (options.bundle, *options.more)
    manifests = [read_manifest(place) for place in places]
    for place, manifest in zip(places, manifests, strict=True):
        for peer in options.peers:
            require_peer(peer, manifest)
        if manifest.scale != manifests[0].scale:
            raise InputError(
                f"{places[0]} enlarges x{manifests[0].scale} and {place} x{manifest.scale}: what they make cannot be "
                "compared; bench them apart"
            )
    called = _called(places, manifests) if options.more else [""]
    return tuple(
        Entrant(place, manifest, tuple(choose(manifest, options.artifacts)), name)
        for place, manifest, name in zip(places, manifests, called, strict=True)
    )


def _called(places: Sequence[Path], manifests: Sequence[Manifest]) -> list[str]:
    """The networks' names, or those of the folders where the networks' are not enough."""
    for names in ([it.name for it in manifests], [place.resolve().name for place in places]):
        if len(set(names)) == len(names):
            return names
    raise InputError("expected bundles of different networks or in folders of different names: rename a folder")


def names_of(entrant: Entrant, options: BenchOptions) -> list[tuple[str, Tile]]:
    """Artifacts and peers of one bundle, with their tiles, as they are called there."""
    names = [(artifact.id, artifact.tile) for artifact in entrant.artifacts]
    return names + [(peer_id(peer, tile, entrant.peer(peer)), tile) for peer in options.peers for tile in entrant.tiles]


def ratios_of(timed: Timed) -> list[RatioRecord]:
    """Every pair of one tile size within each network: another network's time is another's work."""
    found: list[RatioRecord] = []
    for sha256 in dict.fromkeys(it.model_sha256 for it in timed.records):
        mine = {it.artifact for it in timed.records if it.model_sha256 == sha256}
        found += compare_all([it for it in timed.timings if it.name in mine], sha256)
    return found


def as_recorded(owners: Owners, records: Sequence[Record]) -> tuple[Record, ...]:
    """What was called after its network, to tell it apart in this run, by the names that all results know; ratios
    between two networks keep the longer ones."""

    def plain(name: str) -> str:
        return owners[name][1] if name in owners else name

    found: list[Record] = []
    for record in records:
        if isinstance(record, LatencyRecord):
            record = replace(record, artifact=plain(record.artifact))
        elif isinstance(record, RatioRecord):
            record = _ratio(record, owners)
        found.append(record)
    return tuple(found)


def _ratio(record: RatioRecord, owners: Owners) -> RatioRecord:
    """A peer from a file is of no network."""
    names = (record.artifact, record.other)
    known = [owners[name] for name in names if name in owners]
    if known:
        record = replace(record, model_sha256=known[0][0].origin.sha256)
    if len({each.origin.sha256 for each, _ in known}) > 1:
        return record
    plain = [owners[name][1] if name in owners else name for name in names]
    return replace(record, artifact=plain[0], other=plain[1])


def owned(owners: Owners, first: Origin, records: Sequence[LatencyRecord]) -> list[LatencyRecord]:
    """Each with the network that it is of."""
    origins = [owners[it.artifact][0].origin if it.artifact in owners else first for it in records]
    return [
        replace(it, model=origin.name, model_sha256=origin.sha256) for it, origin in zip(records, origins, strict=True)
    ]
