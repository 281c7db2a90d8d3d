"""Two threads at most, a few items between them, and no error lost."""

from __future__ import annotations

import threading
import time
from itertools import count

import pytest

from runtimes.machine.ahead import DEPTH, ahead, behind


def test_items_come_in_order_and_not_far_ahead():
    made = []

    def make():
        for item in range(20):
            made.append(item)
            yield item

    with ahead(make) as items:
        for item in items:
            assert len(made) <= item + DEPTH + 3
            time.sleep(0.001)
    assert made == list(range(20))


def test_an_error_comes_after_what_was_made_before_it():
    def make():
        yield 1
        raise ValueError("broken")

    with ahead(make) as items, pytest.raises(ValueError, match="broken"):
        assert next(items) == 1
        next(items)


def test_leaving_early_ends_the_thread_and_closes_what_it_read():
    closed, before = threading.Event(), threading.active_count()

    def make():
        try:
            yield from count()
        finally:
            closed.set()

    with pytest.raises(KeyboardInterrupt), ahead(make) as items:
        next(items)
        raise KeyboardInterrupt
    assert closed.is_set() and threading.active_count() == before


def test_work_behind_is_done_when_the_block_ends():
    done = []
    with behind(lambda items: done.extend(items)) as put:
        for item in range(10):
            put(item)
    assert done == list(range(10))


def test_an_error_behind_is_raised_at_the_next_item_or_the_end():
    def fail(items):
        next(items)
        raise ValueError("disk full")

    with pytest.raises(ValueError, match="disk full"), behind(fail) as put:
        for item in range(100):
            put(item)
    with pytest.raises(ValueError, match="disk full"), behind(fail) as put:
        put(1)


def test_a_block_that_fails_never_lets_the_work_behind_finish():
    finished, before = threading.Event(), threading.active_count()

    def consume(items):
        for _ in items:
            pass
        finished.set()

    with pytest.raises(KeyboardInterrupt), behind(consume) as put:
        put(1)
        raise KeyboardInterrupt
    assert not finished.is_set() and threading.active_count() == before


def test_a_block_that_fails_has_done_what_it_handed_over():
    done = []

    def slowly(items):
        for item in items:
            time.sleep(0.02)
            done.append(item)

    with pytest.raises(KeyboardInterrupt), behind(slowly, 4) as put:
        for item in range(4):
            put(item)
        raise KeyboardInterrupt
    assert done == [0, 1, 2, 3]


def test_a_block_that_fails_may_end_the_work_behind_with_a_last_word():
    done = []
    with pytest.raises(KeyboardInterrupt), behind(lambda items: done.extend(items), 2, "cut") as put:
        for item in range(5):
            put(item)
        raise KeyboardInterrupt
    assert done == [0, 1, 2, 3, 4, "cut"]


def test_a_last_word_to_work_that_has_failed_hides_no_error():
    def fail(items):
        next(items)
        raise ValueError("disk full")

    with pytest.raises(ValueError, match="disk full"), behind(fail, 1, "cut") as put:
        for item in range(100):
            put(item)
