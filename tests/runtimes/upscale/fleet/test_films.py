"""A film by several actors, without Ray: each computes its segments once, the last joins what one machine makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlgsanet.__main__ import main
from runtimes.upscale.fleet import films, worker
from runtimes.upscale.fleet.films import SegmentsThere, SharedSegments
from runtimes.upscale.fleet.items import FleetItem
from runtimes.upscale.fleet.parcel import pack
from runtimes.upscale.fleet.store import Store
from runtimes.upscale.fleet.worker import Task, Upscaler
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.video import plan as video_plan
from tests.runtimes.upscale.fleet.film_kit import packets, write_film

pytest.importorskip("fsspec")
pytest.importorskip("av")
ARTIFACT = "onnxruntime-fp32-16x16"
FRAMES, EVERY, PIECES = 22, 4, 3


@pytest.fixture
def task(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.setattr(video_plan, "SEGMENT_FRAMES", EVERY)
    given, wanted = tmp_path / "in", tmp_path / "out"
    given.mkdir()
    write_film(given / "film.mkv", FRAMES, (24, 32), at=lambda i: i + i // 3)  # at uneven times
    options = UpscaleOptions(inputs=(given,), output=wanted, bundle=bundle, artifact=ARTIFACT, threads=1, ray="local")
    return Task(pack(bundle, ARTIFACT), {}, options, Store(str(given)), Store(str(wanted)))


@pytest.fixture
def alone(task: Task, bundle: Path, tmp_path: Path) -> list[tuple[str, object, bytes]]:
    """What one machine makes of it."""
    asked = ["upscale", str(tmp_path / "in" / "film.mkv"), "-o", str(tmp_path / "alone.mkv"), "--bundle", str(bundle)]
    assert main([*asked, "--artifact", ARTIFACT, "--threads", "1", "-q"]) == 0
    return packets(tmp_path / "alone.mkv")


def row(piece: int, pieces: int = PIECES) -> dict[str, object]:
    return FleetItem("film.mkv", "film_x2.mkv", 0, piece, pieces).row()


def frames(outcomes: Sequence[dict[str, Any]]) -> int:
    return sum(round(one["megapixels"] * 1e6 / (24 * 32), 0) for one in outcomes)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_pieces_in_any_order_are_what_one_machine_makes(
    task: Task, alone: list[Any], tmp_path: Path, order: tuple[int, ...]
) -> None:
    told = [Upscaler(task)(row(piece)) for piece in order]
    assert [one["status"] for one in told] == ["done", "done", "joined"]
    assert packets(tmp_path / "out" / "film_x2.mkv") == alone
    assert frames(told) == FRAMES
    assert Upscaler(task)(row(1))["status"] == "there"


def test_segments_lie_hidden_beside_the_result(task: Task, tmp_path: Path) -> None:
    Upscaler(task)(row(0))
    (folder,) = (tmp_path / "out" / ".film_x2.mkv.parts").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["000000.segment", "000001.segment"]
    assert task.target.files() == []


def fails_at(number: int) -> Callable[..., None]:
    """In the place of `SharedSegments.write`: a process that ends before it has kept this segment."""
    write = SharedSegments.write

    def written(self: SharedSegments, at: int, packets: Any) -> None:
        if at == number:
            raise KeyboardInterrupt
        write(self, at, packets)

    return written


def test_an_actor_that_ends_repeats_only_its_segment(
    task: Task, alone: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(SharedSegments, "write", fails_at(3))
        with pytest.raises(KeyboardInterrupt):
            Upscaler(task)(row(0, 1))
    told = Upscaler(task)(row(0, 1))
    assert told["status"] == "joined" and frames([told]) == FRAMES - 3 * EVERY
    assert packets(tmp_path / "out" / "film_x2.mkv") == alone


@pytest.mark.parametrize("about", [None, 4, 13, 40, 400])
def test_a_file_that_says_a_wrong_length_is_computed_whole(
    task: Task, alone: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, about: int | None
) -> None:
    monkeypatch.setattr("runtimes.upscale.video.probe.Clip.about", lambda self, start, length: about)
    told = [Upscaler(task)(row(piece)) for piece in (2, 1, 0)]
    assert [one["status"] for one in told].count("joined") == 1
    assert packets(tmp_path / "out" / "film_x2.mkv") == alone and frames(told) == FRAMES


def test_segments_of_other_options_do_not_count(task: Task, tmp_path: Path) -> None:
    assert Upscaler(task)(row(0))["status"] == "done"
    other = replace(task, options=replace(task.options, codec="ffv1"))
    told = [Upscaler(other)(row(piece)) for piece in range(PIECES)]
    assert frames(told) == FRAMES and told[-1]["status"] == "joined"


def test_a_film_goes_through_one_artifact_wherever(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundle: Path
) -> None:
    """The first kind's, though the second takes another for its pictures."""
    mixed = replace(task, options=replace(task.options, artifact=None), parcel=pack(bundle, None))
    kinds = {"fast": ARTIFACT, "slow": "openvino-fp32-16x16"}
    told = []
    for piece, kind in enumerate(("fast", "slow", "fast")):
        monkeypatch.setattr(worker, "machine_kind", lambda options, kind=kind: kind)
        told.append(Upscaler(replace(mixed, families=kinds))(row(piece)))
    assert told[-1]["status"] == "joined" and frames(told) == FRAMES
    assert {one["artifact"] for one in told} == {ARTIFACT}


def test_a_machine_that_cannot_open_that_artifact_leaves_the_film_to_others(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "PAUSE_S", 0.0)
    monkeypatch.setattr(worker, "machine_kind", lambda options: "here")
    kinds = {"there": "no-such", "here": ARTIFACT}
    told = Upscaler(replace(task, options=replace(task.options, artifact=None), families=kinds))(row(0))
    assert told["status"] == "elsewhere" and "no-such" in str(told["reason"])


def test_a_film_is_fetched_once(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    fetch = Store.fetch
    monkeypatch.setattr(Store, "fetch", lambda self, name, place: (fetched.append(name), fetch(self, name, place))[1])
    upscaler = Upscaler(task)
    for piece in range(PIECES):
        upscaler(row(piece))
    assert fetched.count("film.mkv") == 1


def test_an_estimate_keeps_no_segment(task: Task, tmp_path: Path) -> None:
    told = Upscaler(replace(task, keep=False))(row(0, 1))
    assert told["status"] == "done" and frames([told]) == FRAMES and not (tmp_path / "out").exists()


def test_what_is_missing() -> None:
    found = SegmentsThere(frozenset({0, 1, 4, 6}), None)
    assert list(found.gaps(0, 7)) == [(2, 4), (5, 6)] and list(found.gaps(0, 2)) == [] and list(found.gaps(3, 3)) == []
    assert list(found.gaps(4, None)) == [(5, None)] and list(found.gaps(9, None)) == [(9, None)] and not found.whole
    ended = replace(found, end=7)
    assert list(ended.gaps(4, None)) == [(5, 6)] and list(ended.gaps(3, 99)) == [(3, 4), (5, 6)]
    assert not ended.whole and SegmentsThere(frozenset({0, 1, 2}), 2).whole
    assert films.SegmentsThere(frozenset(), 0).whole
