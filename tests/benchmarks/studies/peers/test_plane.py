from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.latency.plane import PlaneScore, front
from benchmarks.records.environment import describe_environment
from benchmarks.records.study_file import read_study, write_study
from benchmarks.studies.peers.plane import Plane, PlaneEntry, PlanePoint, plot, scored, sentences, table
from benchmarks.subjects.datasets import Dataset, Item
from benchmarks.subjects.peer_files import BicubicRunner
from benchmarks.subjects.subject import Contestant
from dlgsanet.imaging.files import write_picture
from dlgsanet.metrics import Protocol

FAST = PlanePoint("fast", "openvino-fp32", False, "", 31.0, 0.88, False, 10.0, 0.5, 0.49, 0.51)
OURS = PlanePoint("ours", "openvino-fp32", True, "", 31.5, 0.89, False, 20.0, 1.0, 1.0, 1.0)
WORSE = PlanePoint("worse", "openvino-fp32", False, "", 31.4, None, True, 50.0, 2.5, 2.4, 2.6)
BEST = PlanePoint("best", "openvino-fp32", False, "", 32.0, 0.9, False, 80.0, 4.0, 3.9, 4.1)


def _plane(*points: PlanePoint) -> Plane:
    return Plane("Set5", "p", describe_environment("one"), points)


def test_the_front_holds_what_no_other_beats_in_both() -> None:
    assert front([BEST, WORSE, OURS, FAST]) == [FAST, OURS, BEST]
    as_good = replace(WORSE, psnr_db=31.502)  # a difference that papers do not print
    assert as_good not in front([OURS, as_good])
    same_time = replace(BEST, network="same", psnr_db=31.9)
    assert front([same_time, BEST]) == [BEST]


def test_who_is_beaten_is_said_by_name() -> None:
    said = list(sentences([OURS, WORSE, BEST, FAST]))
    assert said[0] == (
        "openvino-fp32: the best choice is fast from 10.0 ms (31.00 dB); ours from 20.0 ms (31.50 dB); "
        "best from 80.0 ms (32.00 dB)."
    )
    assert said[1:] == ["worse is beaten: ours is 0.10 dB better and 2.5 times as fast."]


def test_the_table_marks_ours_the_front_and_published_figures() -> None:
    lines = table(_plane(OURS, WORSE, FAST)).splitlines()
    assert "time of ours" in lines[0]
    assert lines[2].startswith("| fast") and lines[2].endswith("| yes |")
    assert lines[3].startswith("| **ours**") and lines[4].endswith("| no |") and "31.40 (published)" in lines[4]


def test_a_picture_and_a_file_are_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plane = _plane(OURS, BEST, replace(OURS, form="openvino-bf16"))
    plot(plane, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    write_study(tmp_path / "p.json", plane)
    assert read_study(Plane, tmp_path / "p.json") == plane


def test_a_network_is_scored_on_the_set_and_a_published_score_is_kept(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None] * 4, (64, 64, 3))
    write_picture(tmp_path / "ramp.png", np.ascontiguousarray(ramp))
    data = Dataset("d", 2, (Item("ramp", tmp_path / "ramp.png"),), "bicubic-matlab8", "ours", "0" * 64)
    protocol = Protocol(2, "y", 2, True, data.lr_source, (32, 32), 0, "symmetric", data.sha256)
    contestant = Contestant("b", "fp32", (32, 32), lambda: BicubicRunner(2, (32, 32)), role="peer", backend="pillow")
    found = scored(PlaneEntry("bicubic", "openvino-fp32", False, contestant, None), data, protocol)
    assert found.psnr_db > 40 and found.ssim is not None and found.ssim > 0.99
    known = PlaneScore(32.44, None, published=True)
    assert scored(PlaneEntry("s", "openvino-fp32", False, contestant, known), data, protocol) is known
