"""Several bundles in one run: their names there, and in records."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.gates.speed_gates import Timing, stated_ratio
from benchmarks.latency.networks import as_recorded, open_entrants, owned, owners_of, ratios_of
from benchmarks.latency.options import BenchOptions
from benchmarks.latency.rounds import Timed
from benchmarks.records.latency import LatencyRecord
from benchmarks.subjects.subject import Origin
from dlgsanet.errors import InputError
from runtimes.bundle.manifest import MANIFEST, manifest_json, read_manifest
from tests.benchmarks.bundles import make_bundle
from tests.benchmarks.records.result_examples import tile_record


def bundle(folder: Path, name: str, sha256: str, scale: int = 2) -> Path:
    """A bundle of a network of this name."""
    place = make_bundle(folder)
    found = read_manifest(place)
    (artifact,) = found.artifacts
    output = replace(artifact.output, shape=(1, 3, 8 * scale, 8 * scale))
    made = replace(
        found,
        name=name,
        scale=scale,
        source=replace(found.source, name=name, sha256=sha256),
        artifacts=(replace(artifact, output=output),),
    )
    (place / MANIFEST).write_text(manifest_json(made))
    return place


@pytest.fixture
def two(tmp_path: Path) -> BenchOptions:
    one, other = bundle(tmp_path / "one", "a-x2", "a" * 64), bundle(tmp_path / "other", "b-x2", "b" * 64)
    return BenchOptions(one, more=(other,), peers=("reference",))


def measured(name: str, ms: float) -> LatencyRecord:
    return replace(tile_record(8, ms), artifact=name)


def test_names_begin_with_the_network_in_the_run_alone(two: BenchOptions) -> None:
    entrants = open_entrants(two)
    owners = owners_of(entrants, two)
    assert {name: plain for name, (_, plain) in owners.items()} == {
        "a-x2-fake-fp32-8x8": "fake-fp32-8x8",
        "a-x2-torch-reference-8x8": "torch-reference-8x8",
        "b-x2-fake-fp32-8x8": "fake-fp32-8x8",
        "b-x2-torch-reference-8x8": "torch-reference-8x8",
    }
    names = ("a-x2-fake-fp32-8x8", "b-x2-fake-fp32-8x8", "bicubic-8x8")
    records = owned(owners, Origin("a-x2", "a" * 64, 2), [measured(name, 5.0) for name in names])
    assert [(it.model, it.model_sha256[:1]) for it in records] == [("a-x2", "a"), ("b-x2", "b"), ("a-x2", "a")]
    told = as_recorded(owners, records)
    assert [it.artifact for it in told if isinstance(it, LatencyRecord)] == [
        "fake-fp32-8x8",
        "fake-fp32-8x8",
        "bicubic-8x8",
    ]


def test_a_single_bundle_keeps_its_names(tmp_path: Path) -> None:
    alone = BenchOptions(bundle(tmp_path / "one", "a-x2", "a" * 64))
    assert {name: plain for name, (_, plain) in owners_of(open_entrants(alone), alone).items()} == {
        "fake-fp32-8x8": "fake-fp32-8x8"
    }


def test_two_bundles_of_one_checkpoint_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    places = [bundle(tmp_path / name, "a-x2", "a" * 64) for name in ("one", "other")]
    options = BenchOptions(places[0], more=(places[1],))
    owners = owners_of(open_entrants(options), options)
    assert [plain for _, plain in owners.values()] == ["one-fake-fp32-8x8", "other-fake-fp32-8x8"] == list(owners)
    with pytest.raises(InputError, match="rename a folder"):
        open_entrants(BenchOptions(places[0], more=(places[0],)))


def test_ratios_are_within_a_network_and_those_between_two_keep_the_longer_names(two: BenchOptions) -> None:
    owners = owners_of(open_entrants(two), two)
    records = owned(owners, Origin("a-x2", "a" * 64, 2), [measured(name, 5.0 + i) for i, name in enumerate(owners)])
    found = ratios_of(Timed(tuple(records), ()))
    assert [(it.artifact, it.other, it.model_sha256[:1]) for it in found] == [
        ("a-x2-fake-fp32-8x8", "a-x2-torch-reference-8x8", "a"),
        ("b-x2-fake-fp32-8x8", "b-x2-torch-reference-8x8", "b"),
    ]
    one, other = (Timing(name, (8, 8), [1.0, 1.1], role="artifact", backend="e") for name in list(owners)[1::2])
    between = stated_ratio(other, one, "a" * 64)
    told = [it for it in as_recorded(owners, (*found, between)) if not isinstance(it, LatencyRecord)]
    assert [(it.artifact, it.other, it.model_sha256[:1]) for it in told] == [  # type: ignore[union-attr]
        ("fake-fp32-8x8", "torch-reference-8x8", "a"),
        ("fake-fp32-8x8", "torch-reference-8x8", "b"),
        ("b-x2-torch-reference-8x8", "a-x2-torch-reference-8x8", "b"),
    ]


def test_bundles_of_two_scales_are_refused(tmp_path: Path) -> None:
    one, other = bundle(tmp_path / "one", "a", "a" * 64), bundle(tmp_path / "other", "b", "b" * 64, scale=4)
    with pytest.raises(InputError, match=r"one enlarges x2 and .*other x4: .* bench them apart"):
        open_entrants(BenchOptions(one, more=(other,)))
