"""What is begun again and again has ended its processes. With Ray: test_run.py."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from runtimes.upscale.fleet.begun import Begun, begin, end


def test_a_file_that_ends_is_forgotten() -> None:
    begun = Begun()
    assert [begun.begin("a"), begun.begin("b"), begun.begin("a")] == [1, 1, 2]
    begun.end("a")
    begun.end("never begun")
    assert [begun.begin("a"), begun.begin("b")] == [1, 2]


def test_without_a_counter_everything_is_new() -> None:
    assert [begin("", "a"), begin("", "a")] == [1, 1]
    end("", "a")


class Ray(ModuleType):
    """What is asked of Ray by an actor."""

    def __init__(self, restarted: bool) -> None:
        super().__init__("ray")
        self.counters: dict[str, Begun] = {}
        self.restarted = restarted

    def get_runtime_context(self) -> SimpleNamespace:
        return SimpleNamespace(was_current_actor_reconstructed=self.restarted)

    def remote(self, kind: type[Begun]) -> SimpleNamespace:
        def options(name: str, **others: object) -> SimpleNamespace:
            begun = self.counters.setdefault(name, kind())
            asked = {verb: SimpleNamespace(remote=getattr(begun, verb)) for verb in ("begin", "end")}
            return SimpleNamespace(remote=lambda: SimpleNamespace(**asked))

        return SimpleNamespace(options=options)

    def get(self, value: int) -> int:
        return value


def test_only_a_process_after_another_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for restarted, times in ((False, [1, 1, 1]), (True, [1, 2, 3])):
        ray = Ray(restarted)
        monkeypatch.setitem(sys.modules, "ray", ray)
        assert [begin("job", "a") for _ in range(3)] == times
        end("job", "a")
        assert begin("job", "a") == 1 and list(ray.counters) == ["job"] * restarted
