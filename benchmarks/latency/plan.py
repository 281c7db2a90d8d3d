"""The plan of `bench`: what its options make of bundles and peers. Nothing is timed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.gates.speed_gates import Requirement, parse_requirement, require_known
from benchmarks.latency.networks import Entrant, names_of, open_entrants
from benchmarks.latency.options import MIN_RUNS, BenchOptions
from benchmarks.records.accuracy import DatasetNote
from benchmarks.records.result_file import require_place
from benchmarks.subjects import peer_files
from benchmarks.subjects.datasets import Dataset, open_folder, open_shipped, refuse_calibrated
from benchmarks.subjects.own_file import OWN_FILE, open_own_file
from benchmarks.subjects.served import NOTE, ServedArtifact, plan_served
from benchmarks.subjects.subject import Contestant, Origin
from benchmarks.subjects.torch_peers import PEERS, is_compiled, open_peer, peer_id, try_formats
from dlgsanet.errors import InputError, UnavailableError, unknown
from runtimes import open_runner
from runtimes.backends.registry import interpreters
from runtimes.bundle.manifest import Artifact
from runtimes.runner.tile_pictures import tile_pictures
from runtimes.runner.tiling import Array, Tile


@dataclass(frozen=True)
class BenchPlan:
    """A `bench` whose bundles and peers are there; nothing of it is open yet. `pictures` has one for each tile size;
    `dataset` is what the plane of accuracy against time is measured on, where one is asked for."""

    options: BenchOptions
    entrants: tuple[Entrant, ...]
    requirements: tuple[Requirement, ...]
    others: tuple[Contestant, ...]
    served: ServedArtifact | None
    pictures: Mapping[Tile, Array]
    dataset: Dataset | None = None

    @property
    def notes(self) -> tuple[DatasetNote, ...]:
        """The data, as the result file names them."""
        return () if self.dataset is None else (self.dataset.note,)

    @property
    def origin(self) -> Origin:
        """What the first bundle was made from; all have its scale."""
        return self.entrants[0].origin

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """Those of all bundles, as they are called in this run."""
        return tuple(replace(it, id=each.name(it.id)) for each in self.entrants for it in each.artifacts)

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
        artifacts, peers = self.options.artifacts or ("",), [it for it in self.options.peers if not is_compiled(it)]
        return [
            each.name(it)
            for each in self.entrants
            for it in (*artifacts, *(f"{each.peer(peer).backend}-{peer}" for peer in peers))
        ]


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
    entrants = open_entrants(options)
    first = entrants[0]
    served = plan_served(options.server, options.served_name, first.bundle, first.artifacts, options.for_engines_here())
    tiles = sorted({tile for each in entrants for tile in each.tiles})
    others: Sequence[Contestant] = ()
    if options.peer_folder is not None:
        others = peer_files.peer_contestants(options.peer_folder, tiles, options.device, options.threads)
    names = [(each.name(name), tile) for each in entrants for name, tile in names_of(each, options)]
    names += [] if served is None else [(served.name, served.artifact.tile)]
    names += [(other.name, other.tile) for other in others]
    for requirement in requirements:
        require_known(requirement, names)
    pictures = tile_pictures(first.bundle, first.manifest, tiles)
    dataset = _dataset(options, entrants)
    return BenchPlan(options, entrants, tuple(requirements), tuple(others), served, pictures, dataset)


def _dataset(options: BenchOptions, entrants: Sequence[Entrant]) -> Dataset | None:
    """What to score on; None where nobody asked for it. Raises InputError for images that INT8 learnt from."""
    if options.data is None and len(entrants) == 1:
        return None
    scale = entrants[0].manifest.scale
    dataset = open_shipped(scale) if options.data is None else open_folder(options.data, scale)
    for each in entrants:
        refuse_calibrated(dataset, each.manifest)
    return dataset


def contestants(plan: BenchPlan) -> list[Contestant]:
    """All that take part: artifacts, peers in torch, peers from files. Tries which memory format suits a peer."""
    return [*of_networks(plan), *([] if plan.served is None else [_served(plan.served)]), *plan.others]


def of_networks(plan: BenchPlan) -> list[Contestant]:
    """Those that are a bundle's network in some form."""
    options = plan.options
    found = []
    for each in plan.entrants:
        found += [_artifact(artifact, each, options) for artifact in each.artifacts]
        for peer in options.peers:
            found += [_peer(peer, tile, plan.pictures[tile], each, options) for tile in each.tiles]
    return found


def _artifact(artifact: Artifact, entrant: Entrant, options: BenchOptions) -> Contestant:
    opener = partial(
        open_runner,
        entrant.bundle,
        artifact.id,
        device=options.device,
        threads=options.threads,
        cuda_graph=options.cuda_graph,
    )
    return Contestant(
        entrant.name(artifact.id),
        artifact.precision,
        artifact.tile,
        opener,
        role="artifact",
        backend=artifact.backend,
    )


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


def _peer(peer: str, tile: Tile, picture: Array, entrant: Entrant, options: BenchOptions) -> Contestant:
    """A peer, of torch in its better memory format; without torch the opener itself will say that it is missing."""
    kind = entrant.peer(peer)
    name = entrant.name(peer_id(peer, tile, kind))
    if kind == OWN_FILE:
        own = partial(open_own_file, entrant.bundle, tile, options.threads)
        return Contestant(name, "fp32", tile, own, role=kind.role, backend=kind.backend)
    opener = partial(open_peer, entrant.bundle, peer, tile, options.threads)
    plain = Contestant(name, "fp32", tile, opener, role=kind.role, backend=kind.backend)
    try:
        formats = try_formats(entrant.bundle, peer, tile, options.threads, picture)
    except UnavailableError:
        return plain
    return replace(plain, opener=partial(opener, memory_format=formats.better), note=formats.note)
