from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.subjects.subject import Origin, origin_of
from dlgsanet.errors import InputError
from runtimes.bundle.manifest import Manifest, choose, read_manifest
from tests.benchmarks.bundles import make_bundle


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return read_manifest(make_bundle(tmp_path / "bundle", (None, "slow", "black")))


def test_artifacts_are_chosen_by_the_beginnings_of_their_names(manifest: Manifest) -> None:
    names = ["fake-fp32-8x8", "fake-fp32-slow-8x8", "fake-fp32-black-8x8"]
    assert [it.id for it in choose(manifest, ())] == names
    assert [it.id for it in choose(manifest, ("fake-fp32-b", "fake-fp32-8"))] == [names[0], names[2]]  # its order


def test_a_beginning_that_fits_none_is_refused_with_the_nearest(manifest: Manifest) -> None:
    with pytest.raises(InputError, match="did you mean fake-fp32-slow-8x8"):
        choose(manifest, ("fake-fp32", "fake-fp32-slw-8x8"))


def test_a_bundle_without_artifacts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no artifacts"):
        choose(read_manifest(make_bundle(tmp_path / "bundle", ())), ())


def test_records_name_the_checkpoint(manifest: Manifest) -> None:
    assert origin_of(manifest) == Origin("tiny-x2", "e" * 64, 2)
