"""A network of others, timed beside what its users have of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.latency.networks import owners_of
from benchmarks.latency.options import BenchOptions
from benchmarks.latency.plan import contestants, plan_bench
from benchmarks.subjects.own_file import open_own_file
from dlgsanet.errors import InputError
from runtimes.backends.onnxruntime.untouched import open_untouched
from runtimes.bundle.foreign import Foreign, Pixels
from runtimes.bundle.manifest import MANIFEST, manifest_json, read_manifest
from tests.benchmarks.bundles import TILE, make_bundle
from tests.export.networks.onnx_file.conftest import network

FOREIGN = Foreign("onnx", "image", "large", "float32", Pixels(top=255.0))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Of an ONNX file, x2, pixels up to 255."""
    place = make_bundle(tmp_path / "bundle")
    data = network(top=255.0).SerializeToString()
    (place / "reference" / "network.onnx").write_bytes(data)
    found = read_manifest(place)
    files = {**found.reference.files, "reference/network.onnx": hashlib.sha256(data).hexdigest()}
    reference = replace(found.reference, checkpoint="reference/network.onnx", files=files)
    made = replace(found, reference=reference, source=replace(found.source, foreign=FOREIGN))
    (place / MANIFEST).write_text(manifest_json(made))
    return place


def test_its_own_file_takes_part(bundle: Path) -> None:
    options = BenchOptions(bundle, peers=("reference",), threads=1)
    plan = plan_bench(options)
    assert plan.asked == ["", "onnxruntime-reference"]
    (peer,) = (it for it in contestants(plan) if it.name == "onnxruntime-reference-8x8")
    assert (peer.role, peer.backend) == ("reference", "onnxruntime") and peer.name in owners_of(plan.entrants, options)
    lr = np.random.default_rng(0).random((1, 3, *TILE), np.float32)
    with peer.opener() as run:
        expected = open_untouched(bundle / "reference" / "network.onnx", FOREIGN, 1)(lr)
        assert np.abs(run.infer(lr) - expected).max() < 1e-4


def test_a_form_of_dlgsanet_is_refused(bundle: Path) -> None:
    with pytest.raises(InputError, match=r"--peer official is a form of DLGSANet, which tiny is not: give --peer"):
        plan_bench(BenchOptions(bundle, peers=("official",)))


def test_a_changed_file_and_a_bundle_of_ours_are_refused(bundle: Path, tmp_path: Path) -> None:
    with (bundle / "reference" / "network.onnx").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(InputError, match=r"network\.onnx"):
        open_own_file(bundle, TILE, 1)
    with pytest.raises(InputError, match="found DLGSANet"):
        open_own_file(make_bundle(tmp_path / "ours"), TILE, 1)
