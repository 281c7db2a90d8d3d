"""The verbs of this room through the front door."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import run_bench, run_check
from benchmarks.accuracy import plan as accuracy_plan
from benchmarks.accuracy.options import CheckOptions
from benchmarks.latency import plan as latency_plan
from benchmarks.latency.options import RUNS, BenchOptions
from benchmarks.records.result_file import parse_result
from benchmarks.subjects.reference import StoredReference
from dlgsanet.__main__ import main
from dlgsanet.command_line.voice import Voice
from tests.benchmarks.bundles import make_bundle


def heard(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """The options that reach `check` or `bench`."""
    told: list[object] = []
    monkeypatch.setattr(run_check, "run_check", lambda options, voice: told.append(options))
    monkeypatch.setattr(run_bench, "run_bench", lambda options, voice: told.append(options))
    assert main(words) == 0
    return told[0]


def test_what_is_typed_is_what_check_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard(monkeypatch, "check", "b") == CheckOptions(Path("b"))
    typed = "--artifact x --artifact y --threads 2 --max-drop 0.1 --no-crops --ladder --blocks --machine m --json r"
    wanted = CheckOptions(Path("b"), artifacts=("x", "y"), threads=2, max_drop_db=0.1, crops=False, ladder=True)
    wanted = replace(wanted, blocks=True, machine="m", json=Path("r"))
    assert heard(monkeypatch, "check", "b", *typed.split()) == wanted


def test_what_is_typed_is_what_bench_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard(monkeypatch, "bench", "b") == BenchOptions(Path("b"), runs=RUNS)
    typed = "--peer official --peers folder --runs 7 --require a<b --limits --cuda-graph --device GPU"
    wanted = BenchOptions(Path("b"), peers=("official",), peer_folder=Path("folder"), runs=7, require=("a<b",))
    assert heard(monkeypatch, "bench", "b", *typed.split()) == replace(
        wanted, limits=True, cuda_graph=True, device="GPU"
    )


def test_options_come_from_a_file_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[check]\nmax-drop = 0.1\nartifact = ["x"]\n[bench]\nruns = 9\npeer = "official"\n')
    assert heard(monkeypatch, "check", "b", "--options", str(file)) == CheckOptions(
        Path("b"), artifacts=("x",), max_drop_db=0.1
    )
    assert heard(monkeypatch, "bench", "b", "--options", str(file), "--runs", "8") == BenchOptions(
        Path("b"), peers=("official",), runs=8
    )


def test_a_mistyped_option_in_a_file_is_one_line_with_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.toml").write_text("[bench]\nrun = 9\n")
    assert main(["bench", "b", "--options", str(tmp_path / "mine.toml")]) == 2
    said = capsys.readouterr().err
    assert "did you mean runs" in said and said.count("\n") == 1


@pytest.mark.parametrize("verb", ["check", "bench"])
def test_a_result_can_be_printed_and_nothing_else_is_on_stdout(
    verb: str,
    monkeypatch: pytest.MonkeyPatch,
    child_runners: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for room in (accuracy_plan, latency_plan):
        monkeypatch.setattr(room, "open_runner", child_runners.open_fake)
    monkeypatch.setattr(accuracy_plan, "open_reference", lambda *_: StoredReference("stored", 4))
    bundle = make_bundle(tmp_path / "bundle")
    assert main([verb, str(bundle), "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert parse_result(out, "stdout").records
    assert "fake-fp32-8x8" in err
    assert "numpy" not in err and main([verb, str(bundle), "--json", "-", "-v"]) == 0
    assert "numpy" in capsys.readouterr().err  # what it was measured with, for those who ask for more


def test_a_page_is_not_overwritten_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("jinja2")
    from benchmarks.records.result_file import new_result, write_result
    from tests.benchmarks.records import result_examples

    result, page = tmp_path / "r.json", tmp_path / "page.html"
    record = result_examples.tile_record(8, 1.0, 1.0)
    write_result(result, new_result(result_examples.BOARD, (record,)))
    page.write_text("mine")
    assert main(["report", str(result), "-o", str(page)]) == 2
    assert "give --force" in capsys.readouterr().err and page.read_text() == "mine"
    assert main(["report", str(result), "-o", str(page), "--force", "-q"]) == 0
    assert "<html" in page.read_text()
    out, err = capsys.readouterr()
    assert out == f"report: {page}\n" and err == ""


def test_the_demo_speaks_as_it_is_told(tmp_path: Path) -> None:
    from benchmarks.demo import plan_demo

    words = [command.words for command in plan_demo(tmp_path / "demo", Voice(quiet=True))]
    assert [it[0] for it in words] == ["export", "check", "bench", "report"]
    assert all(it[-1] == "--quiet" for it in words)
    assert not any("quiet" in word for command in plan_demo(tmp_path / "demo") for word in command.words)
