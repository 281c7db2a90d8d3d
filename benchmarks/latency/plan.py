"""The plan of `bench`: what its options make of a bundle and peers. Nothing is timed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.gates.speed_gates import Requirement, parse_requirement, require_known
from benchmarks.latency.options import MIN_RUNS, BenchOptions
from benchmarks.records.result_file import require_place
from benchmarks.subjects import peer_files
from benchmarks.subjects.served import NOTE, ServedArtifact, plan_served
from benchmarks.subjects.subject import Contestant, Origin, origin_of
from benchmarks.subjects.torch_peers import PEERS, is_compiled, open_peer, peer_id, try_formats
from dlgsanet.errors import InputError, UnavailableError, unknown
from runtimes import open_runner
from runtimes.backends.references import interpreters
from runtimes.bundle.manifest import Artifact, choose, read_manifest
from runtimes.runner.tile_pictures import tile_pictures
from runtimes.runner.tiling import Array, Tile


@dataclass(frozen=True)
class BenchPlan:
    """A `bench` whose bundle and peers are there; nothing of it is open yet. `pictures` has one for each tile size."""

    options: BenchOptions
    artifacts: tuple[Artifact, ...]
    origin: Origin
    requirements: tuple[Requirement, ...]
    others: tuple[Contestant, ...]
    served: ServedArtifact | None
    pictures: Mapping[Tile, Array]

    @property
    def tiles(self) -> list[Tile]:
        """The tile sizes of the artifacts, from the smallest."""
        return sorted({artifact.tile for artifact in self.artifacts})

    @property
    def asked(self) -> list[str]:
        """Beginnings of the names that must run here: what was asked for by name, or anything at all. A peer that has
        to be compiled need not: not every machine has a compiler."""
        if self.served is not None:
            return [self.served.name]
        peers = (peer for peer in self.options.peers if not is_compiled(peer))
        return [*(self.options.artifacts or ("",)), *(f"{PEERS[peer].backend}-{peer}" for peer in peers)]


def plan_bench(options: BenchOptions) -> BenchPlan:
    """Read what is to be timed. Raises InputError for options or a bundle that cannot be used."""
    if options.device in interpreters():
        raise InputError(
            f"{options.device} is an interpreter, its times say nothing of any device: bench on a machine that has it"
        )
    if options.runs < MIN_RUNS:
        raise InputError(f"expected at least {MIN_RUNS} runs for a 95 % interval, found {options.runs}")
    if options.json is not None:
        require_place(options.json)
    requirements = [parse_requirement(text) for text in options.require]
    for peer in options.peers:
        if peer not in PEERS:
            raise unknown("peer", peer, PEERS)
    manifest = read_manifest(options.bundle)
    if options.peers and manifest.source.foreign:
        raise InputError(f"--peer is for DLGSANet bundles, {manifest.name} is an ONNX file: leave it out")
    artifacts = choose(manifest, options.artifacts)
    served = plan_served(options.server, options.served_name, options.bundle, artifacts, options.for_engines_here())
    tiles = sorted({artifact.tile for artifact in artifacts})
    others: Sequence[Contestant] = ()
    if options.peer_folder is not None:
        others = peer_files.peer_contestants(options.peer_folder, tiles, options.device, options.threads)
    names = [(artifact.id, artifact.tile) for artifact in artifacts]
    names += [(peer_id(peer, tile), tile) for peer in options.peers for tile in tiles]
    names += [] if served is None else [(served.name, served.artifact.tile)]
    names += [(other.name, other.tile) for other in others]
    for requirement in requirements:
        require_known(requirement, names)
    pictures = tile_pictures(options.bundle, manifest, tiles)
    return BenchPlan(
        options, tuple(artifacts), origin_of(manifest), tuple(requirements), tuple(others), served, pictures
    )


def contestants(plan: BenchPlan) -> list[Contestant]:
    """All that take part: artifacts, peers in torch, peers from files. Tries which memory format suits a peer."""
    options = plan.options
    return [
        *(_artifact(artifact, options) for artifact in plan.artifacts),
        *([] if plan.served is None else [_served(plan.served)]),
        *(_peer(peer, tile, plan.pictures[tile], options) for peer in options.peers for tile in plan.tiles),
        *plan.others,
    ]


def _artifact(artifact: Artifact, options: BenchOptions) -> Contestant:
    opener = partial(
        open_runner,
        options.bundle,
        artifact.id,
        device=options.device,
        threads=options.threads,
        cuda_graph=options.cuda_graph,
    )
    return Contestant(artifact.id, artifact.precision, artifact.tile, opener, role="artifact", backend=artifact.backend)


def _served(served: ServedArtifact) -> Contestant:
    artifact = served.artifact
    return Contestant(
        served.name,
        artifact.precision,
        artifact.tile,
        served.opener,
        note=NOTE,
        role="artifact",
        backend=served.backend,
    )


def _peer(peer: str, tile: Tile, picture: Array, options: BenchOptions) -> Contestant:
    """A peer in its better memory format; without torch the opener itself will say that it is missing."""
    opener = partial(open_peer, options.bundle, peer, tile, options.threads)
    plain = Contestant(peer_id(peer, tile), "fp32", tile, opener, role=PEERS[peer].role, backend=PEERS[peer].backend)
    try:
        formats = try_formats(options.bundle, peer, tile, options.threads, picture)
    except UnavailableError:
        return plain
    return replace(plain, opener=partial(opener, memory_format=formats.better), note=formats.note)
