"""What is begun again and again has ended its processes. With Ray: test_run.py."""

from __future__ import annotations

from runtimes.upscale.fleet.begun import Begun, begin, end


def test_a_file_that_ends_is_forgotten() -> None:
    begun = Begun()
    assert [begun.begin("a"), begun.begin("b"), begun.begin("a")] == [1, 1, 2]
    begun.end("a")
    begun.end("never begun")
    assert [begun.begin("a"), begun.begin("b")] == [1, 2]


def test_without_a_counter_everything_is_new() -> None:
    assert [begin(None, "a"), begin(None, "a")] == [1, 1]
    end(None, "a")
