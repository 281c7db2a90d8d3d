"""Finished work on disk: whole or not there, known again, and in an order that decoders take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dlgsanet.errors import InputError
from runtimes.upscale.video.segments import (
    CodedFrame,
    MadeOf,
    Workplace,
    decoding_times,
    runs_ahead,
    spanning,
    timed_packets,
)

MADE_OF = MadeOf("a" * 64, "nano", "CPU", "crf 18")


def coded(*times: int) -> list[CodedFrame]:
    return [CodedFrame(time, 10, place == 0, bytes([time % 256]) * 5) for place, time in enumerate(times)]


@pytest.fixture
def place(tmp_path):
    place = Workplace(tmp_path / "large.mp4.parts")
    assert place.begin(MADE_OF, force=False) == 0
    return place


def test_what_was_written_is_read_again(place):
    place.write(0, coded(0, 30, 10, 20))
    place.write(1, coded(40))
    place.write(3, coded(99))  # no work of ours leaves a gap; what comes after one is not taken
    first, second = place.segments()
    assert list(first.packets()) == coded(0, 30, 10, 20) and list(second.packets()) == coded(40)
    assert first.times() == [(0, 10), (10, 10), (20, 10), (30, 10)] and (first.ahead, second.ahead) == (1, 0)
    assert place.begin(MADE_OF, force=False) == 2


def test_only_the_same_work_goes_on(place):
    place.write(0, coded(0))
    for field, words in (
        ("source", "another video"),
        ("artifact", "nano, not"),
        ("runs_on", "versions"),
        ("options", "opt"),
    ):
        with pytest.raises(InputError, match=words):
            place.begin(replace(MADE_OF, **{field: "other"}), force=False)
    assert place.begin(replace(MADE_OF, options="other"), force=True) == 0
    assert place.segments() == []


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    folder = tmp_path / "large.mp4.parts"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(InputError, match="not ours"):
        Workplace(folder).begin(MADE_OF, force=True)
    Workplace(folder).remove()
    assert (folder / "photo.jpg").read_bytes() == b"mine"


def test_removing_takes_all_of_ours(place):
    place.write(0, coded(0))
    place.remove()
    assert not place.folder.exists()


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: data[:20] + b"x" + data[21:], lambda data: b""]
)
def test_a_damaged_segment_is_found(place, change):
    place.write(0, coded(0, 10))
    path = place.path(0)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match="damaged"):
        [list(segment.packets()) for segment in place.segments()]


def test_a_foreign_journal_is_refused(place):
    (place.folder / "journal.json").write_text("{}")
    with pytest.raises(InputError, match="missing"):
        place.begin(MADE_OF, force=False)


def test_how_far_decoding_runs_ahead():
    assert runs_ahead([0, 1, 2]) == 0 and runs_ahead([0, 3, 1, 2]) == 1 and runs_ahead([0, 4, 2, 1, 3]) == 2


def test_decoding_times_rise_across_segments_and_are_never_late(place):
    place.write(0, coded(0, 60, 20, 10, 50))
    place.write(1, coded(70, 75, 72))
    segments = place.segments()
    pairs = [(decoded, packet.pts) for decoded, packet in timed_packets(segments)]
    decoded = [time for time, _ in pairs]
    assert len(pairs) == 8 and decoded == sorted(set(decoded)) == list(decoding_times(segments))[:8]
    assert all(time <= pts for time, pts in pairs)
    last, packet = list(spanning(timed_packets(segments), segments))[-1]
    assert last + packet.duration - decoded[0] == 75 + 10 - 0  # decoding lasts as long as showing
