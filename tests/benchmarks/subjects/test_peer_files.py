from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks.subjects.peer_files import (
    LIST,
    SCHEMA,
    BicubicRunner,
    PeerFile,
    PeerFolder,
    peer_contestants,
    read_peers,
)
from dlgsanet.errors import InputError
from dlgsanet.storage.atomic import sha256_file
from runtimes import probe_network as probe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One peer: the probe's network, x2 on 8x8 pixels."""
    shutil.copy(probe.MODEL, tmp_path / "p.onnx")
    peer = PeerFile(
        peer="p",
        backend="onnxruntime",
        precision="fp32",
        tile=(8, 8),
        scale=2,
        path="p.onnx",
        files={"p.onnx": sha256_file(tmp_path / "p.onnx")},
        note="why",
        hints={},
        weights="random",
        published_db=None,
    )
    (tmp_path / LIST).write_text(json.dumps(asdict(PeerFolder(SCHEMA, (peer,)))))
    return tmp_path


def test_a_peer_runs_like_an_artifact_and_bicubic_joins_it(folder: Path) -> None:
    pytest.importorskip("onnxruntime")
    found = peer_contestants(folder, [(8, 8)], "CPU", 1)
    assert [it.name for it in found] == ["p-onnxruntime-fp32-8x8", "bicubic-8x8"] and found[0].note == "why"
    with found[0].opener() as run:
        assert np.allclose(run.infer(probe.example()), probe.expected(), atol=1e-5)
    with found[1].opener() as run:
        assert run.infer(probe.example()).shape == (1, 3, 16, 16) and run.info.backend == "pillow"


def test_a_changed_peer_is_refused(folder: Path) -> None:
    pytest.importorskip("onnxruntime")
    (folder / "p.onnx").write_bytes(b"other")
    with pytest.raises(InputError, match=r"sha256|hash"), peer_contestants(folder, [(8, 8)], "CPU", 1)[0].opener():
        pass


def test_bicubic_keeps_a_flat_picture() -> None:
    with BicubicRunner(4, (5, 6)) as run:
        assert np.allclose(run.infer(np.full((1, 3, 5, 6), 0.25, np.float32)), 0.25)


def test_other_folders_and_other_tiles_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds peers of 8x8"):
        peer_contestants(folder, [(16, 16)], "CPU", 1)
    with pytest.raises(InputError, match="no folder of peers"):
        read_peers(tmp_path / "nowhere")
    (tmp_path / LIST).write_text("{}")
    with pytest.raises(InputError, match="missing"):
        read_peers(tmp_path)
