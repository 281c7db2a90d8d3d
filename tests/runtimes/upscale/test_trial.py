"""Each artifact is timed in a process of its own kind: what cannot run, crashes or shows less has a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dlgsanet.errors import BackendError
from dlgsanet.storage.typed_json import to_json
from runtimes import open_runner
from runtimes.backends import registry
from runtimes.bundle.artifact_facts import Birth
from runtimes.bundle.manifest import manifest_json, read_manifest
from runtimes.machine import clock
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.fidelity.birth import shown
from runtimes.runner.fidelity.probe_store import packed_probes
from runtimes.runner.fidelity.probes import AT_BIRTH, probe
from runtimes.upscale import race
from runtimes.upscale import trial as trying
from runtimes.upscale.trial import FamilyTime, TimingJob, Trials, trials, try_all

pytest.importorskip("onnxruntime")


def tried(bundle: Path, *families: str) -> list[FamilyTime]:
    return list(trials(TimingJob(str(bundle), families, "CPU", 1)).families)


def test_what_runs_is_timed_and_what_does_not_has_a_reason(bundle: Path, kit) -> None:
    kit.rewrite(bundle, 0, backend="tensorrt", id="tensorrt-fp32-16x16")
    families = [artifact.family for artifact in read_manifest(bundle).artifacts]
    found = try_all(bundle, families, RunOptions(threads=1)).families
    assert [trial.family for trial in found] == families
    assert found[0].ms is None
    assert any(trial.ms is not None and 0 < trial.ms < 1e3 for trial in found)
    assert all((trial.ms is None) == bool(trial.reason) for trial in found)


def test_a_changed_file_is_told_from_what_this_machine_lacks(bundle: Path, kit) -> None:
    kit.rewrite(bundle, 0, backend="tensorrt", id="tensorrt-fp32-16x16")
    (bundle / "onnx" / "fp32-16x24.onnx").write_bytes(b"torn")
    found = {trial.family: trial for trial in tried(bundle, "tensorrt-fp32", "onnxruntime-fp32", "openvino-fp32")}
    assert [it.damaged for it in found.values()] == [False, True, False]
    assert "was changed after it was written" in found["onnxruntime-fp32"].reason


@pytest.mark.parametrize("bad", ["a", "b", "c"])
def test_one_that_crashes_is_passed_over_and_the_others_go_on(bundle: Path, monkeypatch, bad: str) -> None:
    """Two are opened at once: the others begin again, one at a time, and the next child knows which one it was."""
    asked = []

    def ask(job, note):
        left, together = job.given["families"], job.given["together"]
        asked.append((list(left), together))
        for at in range(0, len(left), together):
            note(json.dumps(left[at : at + together]))
            if bad in left[at : at + together]:
                raise BackendError("its process ended (SIGSEGV)")
        return to_json(Trials(tuple(FamilyTime(family, 1.0) for family in left), True))

    monkeypatch.setattr(trying, "ask", ask)
    found = try_all(bundle, ["a", "b", "c"], RunOptions())
    crashed = FamilyTime(bad, None, "its process ended (SIGSEGV)")
    assert found.families == tuple(crashed if it == bad else FamilyTime(it, 1.0) for it in "abc")
    assert asked[-1] == ([it for it in "abc" if it != bad], 1)
    assert len(asked) == (2 if bad == "c" else 3)


def test_children_that_never_begin_are_an_end_too(bundle: Path, monkeypatch) -> None:
    def ask(job, note):
        raise BackendError("no memory")

    monkeypatch.setattr(trying, "ask", ask)
    found = try_all(bundle, ["a", "b"], RunOptions())
    assert found.families == (FamilyTime("a", None, "no memory"), FamilyTime("b", None, "no memory"))


def test_where_none_runs_all_have_a_reason(bundle: Path, kit) -> None:
    kit.rewrite(bundle, 0, backend="tensorrt", id="tensorrt-fp32-16x16")
    (found,) = try_all(bundle, ["tensorrt-fp32"], RunOptions(threads=1)).families
    assert found.ms is None and found.reason


def with_probes(bundle: Path, kit, error: float, born: bool) -> None:
    """The bundle with stored probe tiles, which its artifacts miss by `error`, or missed so little at their export."""
    manifest = read_manifest(bundle)
    exact = {name: kit.numpy(probe(name, (16, 16))) for name in AT_BIRTH}
    place = bundle / "reference" / "probes.bin"
    place.write_bytes(packed_probes({name: sr + error for name, sr in exact.items()}))
    birth = Birth("CPU", {}, tuple(shown(name, sr, sr + 1e-4) for name, sr in exact.items())) if born else None
    artifacts = tuple(replace(it, birth=birth) for it in manifest.artifacts)
    path = "reference/probes.bin"
    reference = replace(manifest.reference, probes={"16x16": path}, files={**manifest.reference.files, path: "0" * 64})
    (bundle / "manifest.json").write_text(manifest_json(replace(manifest, artifacts=artifacts, reference=reference)))


@pytest.mark.parametrize(
    ("error", "born", "reason"),
    [
        (0.0, True, ""),
        (0.02, True, "it shows less than when it was exported: text: "),
        (0.02, False, ""),
        (0.2, False, "dB to the reference, expected 30"),
    ],
)
def test_what_shows_less_than_at_its_birth_is_passed_over(bundle, kit, error: float, born: bool, reason: str) -> None:
    with_probes(bundle, kit, error, born)
    (found,) = tried(bundle, "onnxruntime-fp32")
    assert reason in found.reason and (found.ms is None) == bool(reason)


def test_what_the_processor_spoils_is_passed_over(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunInfo, "caution", "it overflows here")
    (found,) = tried(bundle, "onnxruntime-fp32")
    assert (found.ms, found.reason) == (None, "it overflows here")


def test_a_backend_that_is_behind_is_not_tried_further(bundle: Path, monkeypatch) -> None:
    pytest.importorskip("openvino")
    families = [artifact.family for artifact in read_manifest(bundle).artifacts]
    assert any(it.startswith("openvino-") and it != "openvino-fp32" for it in families)
    monkeypatch.setattr(trying.Race, "times_of_leader", lambda race, name: 9.0 if name == "openvino-fp32" else 1.0)
    found = {it.family: it for it in tried(bundle, *dict.fromkeys(families))}
    behind = [it for name, it in found.items() if name.startswith("openvino-") and name != "openvino-fp32"]
    assert all(it.ms is None and it.reason.startswith("openvino-fp32 takes 9.0 times as long as ") for it in behind)


class PlantedRunner(Runner):
    """A tile of it takes `ms` on the clock of `passed`; it fails at its `fails`th run."""

    def __init__(self, passed: Callable[[float], None], ms: float, fails: int | None) -> None:
        super().__init__(2, ((16, 16),))
        self._passed, self._ms, self._fails, self._runs = passed, ms, fails, 0

    def _open(self) -> RunInfo:
        return RunInfo("planted", "planted", "CPU", "fp32", "fp32", 1, {})

    def _infer(self, tile):
        self._runs += 1
        if self._runs == self._fails:
            raise BackendError("the device is lost")
        self._passed(self._ms)
        return tile.repeat(2, 2).repeat(2, 3)

    def _close(self) -> None: ...


def plant(monkeypatch: pytest.MonkeyPatch, ms: dict[str, float], fails: dict[str, int] | None = None) -> None:
    """Runners that take so many ms for a tile, by family, on a clock that nothing else moves."""
    now = [0.0]

    def passed(ms: float) -> None:
        now[0] += ms

    for module in (clock, race):
        monkeypatch.setattr(module, "now_ms", lambda: now[0])
    opened = lambda bundle, it, *_: PlantedRunner(passed, ms[it.family], (fails or {}).get(it.family))  # noqa: E731
    monkeypatch.setattr(trying, "backend_runner", opened)
    monkeypatch.setattr(trying, "require_as_at_birth", lambda *_: None)


@pytest.mark.parametrize(
    ("planted", "fastest"),
    [
        ((30.0, 12.0, 8.0), "openvino-bf16"),  # the last to be opened
        ((30.0, 8.0, 12.0), "openvino-fp32"),
        ((5.0, 30.0, 1.0), "onnxruntime-fp32"),  # the other form of one that is far behind is not looked into
    ],
)
def test_the_planted_fastest_is_found(bundle, monkeypatch, planted, fastest: str) -> None:
    families = ("onnxruntime-fp32", "openvino-fp32", "openvino-bf16")
    plant(monkeypatch, dict(zip(families, planted, strict=True)))
    found = {it.family: it.ms for it in tried(bundle, *families)}
    assert min((ms, it) for it, ms in found.items() if ms is not None)[1] == fastest


@pytest.mark.parametrize("fails", [1, 2, 4])  # opening, sifting, in the last rounds
def test_the_planted_fastest_that_fails_is_passed_over_and_the_others_are_timed_anew(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    families = ("onnxruntime-fp32", "openvino-fp32", "openvino-bf16")
    plant(monkeypatch, dict(zip(families, (12.0, 4.0, 11.0), strict=True)), {"openvino-fp32": fails})
    found = {it.family: it for it in tried(bundle, *families)}
    assert found["openvino-fp32"].ms is None and "the device is lost" in found["openvino-fp32"].reason
    assert found["onnxruntime-fp32"].ms == pytest.approx(12.0)
    assert found["openvino-bf16"].ms == pytest.approx(11.0)


def test_one_that_crashes_while_all_run_is_found_at_the_second_try(bundle: Path, monkeypatch) -> None:
    """The first time only those that ran are known, then each is told before it runs."""
    plant(monkeypatch, {"onnxruntime-fp32": 2.0, "openvino-fp32": 3.0})
    said: dict[int, list[list[str]]] = {}
    for together in (2, 1):
        job = TimingJob(str(bundle), ("onnxruntime-fp32", "openvino-fp32"), "CPU", 1, together)
        said[together] = []
        trials(job, lambda step, to=said[together]: to.append(json.loads(step)))
    assert said[2][1] == ["onnxruntime-fp32", "openvino-fp32"]
    assert all(len(names) == 1 for names in said[1]) and len(said[1]) > 6


def test_only_the_one_to_take_is_held_against_its_export(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []
    monkeypatch.setattr(trying, "require_as_at_birth", lambda bundle, manifest, it, run: held.append(it.family))
    found = tried(bundle, "onnxruntime-fp32", "openvino-fp32")
    assert [it.family for it in found if it.checked] == held and len(held) == 1


def test_where_that_one_shows_less_the_next_is_taken(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []

    def fails(bundle, manifest, artifact, run) -> None:
        held.append(artifact.family)
        if len(held) == 1:
            raise BackendError("it shows less")

    monkeypatch.setattr(trying, "require_as_at_birth", fails)
    found = {it.family: it for it in tried(bundle, "onnxruntime-fp32", "openvino-fp32")}
    first, second = held
    assert (found[first].ms, found[first].reason) == (None, "it shows less")
    assert found[second].ms is not None and found[second].checked


def test_without_one_that_shows_less_others_are_near_the_fastest(bundle: Path) -> None:
    """a is 8 % behind c, but only 2 % behind b."""
    contest = trying._Contest(TimingJob(str(bundle), (), "CPU", 1), read_manifest(bundle), lambda step: None)
    asked: list[str] = []

    def check(name: str) -> None:
        asked.append(name)
        if name != "a":
            raise BackendError("it shows less")

    ms = {"a": 1.08, "b": 1.06, "c": 1.0}
    assert contest._one_shows_enough(ms, {name: partial(check, name) for name in ms})
    assert asked == ["c", "a"]
    assert (contest.checked, contest.failed) == ({"a"}, {"c": "it shows less"})
    assert not contest._one_shows_enough({"c": 1.0}, {"c": partial(check, "c")})


def test_int8_that_the_processor_spoils_is_not_compiled(bundle: Path, kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.rewrite(bundle, 0, precision="int8", backend="openvino", id="openvino-int8-16x16")
    monkeypatch.setattr(registry, "spoilt_int8", lambda precision, device, in_pairs: "it overflows" * in_pairs)
    monkeypatch.setattr(trying, "backend_runner", lambda *asked: pytest.fail("it was opened"))
    (found,) = tried(bundle, "openvino-int8")
    assert (found.ms, found.reason) == (None, "it overflows")


@pytest.mark.parametrize("cache", [True, False])
def test_what_was_compiled_to_be_timed_is_not_compiled_again(bundle: Path, monkeypatch, own_cache: Path, cache) -> None:
    kept_compiling = pytest.importorskip("runtimes.backends.openvino.kept_compiling")
    pytest.importorskip("openvino")
    (found,) = try_all(bundle, ["openvino-fp32"], RunOptions(threads=1, cache=cache)).families
    assert found.ms is not None
    read: list[object] = []
    real = kept_compiling.facts_of
    monkeypatch.setattr(kept_compiling, "facts_of", lambda network: (read.append(network), real(network))[1])
    with open_runner(bundle, "openvino-fp32-16x16", threads=1, cache=True) as run:
        assert run.info
    assert len(read) == (0 if cache else 1)
