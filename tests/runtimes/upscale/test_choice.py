"""Without --artifact the fastest that is good is taken, and timed once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.storage.cache_folder import OFF
from dlgsanet.storage.shelf import KeptEntries
from runtimes.bundle.foreign import Foreign, Pixels
from runtimes.bundle.manifest import MANIFEST, manifest_json, read_manifest
from runtimes.runner.contract import RunOptions
from runtimes.runner.tile_family import PictureSizes
from runtimes.upscale import choice
from runtimes.upscale.choice import chosen_runner, known_choice, ranked
from runtimes.upscale.trial import FamilyTime, Trials

pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")

timed: list[list[str]] = []  # the families of each round


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, float]:
    """ms by family, in place of what would be measured; others cannot run."""
    found: dict[str, float] = {}

    def try_all(bundle, families, options):
        timed.append(list(families))
        tried = tuple(FamilyTime(it, found.get(it), "" if it in found else "not here") for it in families)
        return Trials(tried, "busy" not in found)

    timed.clear()
    monkeypatch.setattr(choice, "try_all", try_all)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(OFF)
    return found


def chosen(bundle: Path, said: list[str], **options: object) -> str:
    with chosen_runner(bundle, None, RunOptions(threads=1, cache=True, **options), said.append) as run:
        return run.info.artifact


def test_the_fastest_is_taken_with_a_word_why_and_timed_once(bundle: Path, times: dict[str, float]) -> None:
    times |= {"onnxruntime-fp32": 9.0, "openvino-fp32": 4.0}
    said: list[str] = []
    assert chosen(bundle, said).startswith("openvino-fp32")
    assert "the fastest of 2 here: 4 ms a tile, onnxruntime-fp32 9; --artifact takes another" in said[-1]
    assert "passed over openvino-bf16: not here" in said
    times["openvino-fp32"] = 99.0  # nobody asks again
    again: list[str] = []
    assert chosen(bundle, again).startswith("openvino-fp32")
    assert again == said[-1:] and len(timed) == 1


def test_what_was_chosen_is_known_afterwards(bundle: Path, times: dict[str, float]) -> None:
    times |= {"onnxruntime-fp32": 9.0, "openvino-fp32": 4.0}
    assert known_choice(bundle, RunOptions(threads=1)) is None
    chosen(bundle, [])
    assert known_choice(bundle, RunOptions(threads=1)) == "openvino-fp32"
    assert known_choice(bundle) is None  # that many threads were not tried


def test_times_of_a_busy_machine_are_not_kept(bundle: Path, times: dict[str, float]) -> None:
    times |= {"onnxruntime-fp32": 9.0, "busy": 0.0}
    said: list[str] = []
    chosen(bundle, said)
    assert "this machine is busy: they are timed again next time" in said
    del times["busy"]
    chosen(bundle, said)
    chosen(bundle, said)
    assert len(timed) == 2


def test_what_a_damaged_copy_showed_is_not_kept(bundle: Path, times: dict[str, float], monkeypatch) -> None:
    """The same bundle, got once more, is the same to the cache."""
    times["onnxruntime-fp32"] = 9.0
    damaged = FamilyTime("openvino-fp32", None, "it was changed after it was written", damaged=True)
    whole = choice.try_all
    monkeypatch.setattr(
        choice,
        "try_all",
        lambda *asked: replace(
            found := whole(*asked),
            families=tuple(damaged if it.family == damaged.family else it for it in found.families),
        ),
    )
    for _ in range(2):
        said: list[str] = []
        assert chosen(bundle, said).startswith("onnxruntime-fp32")
        assert "passed over openvino-fp32: it was changed after it was written" in said
        assert "the only one of those that are undamaged that runs here" in said[-1]
    monkeypatch.setattr(choice, "try_all", whole)
    times["openvino-fp32"] = 4.0
    assert chosen(bundle, []).startswith("openvino-fp32")


def test_where_none_runs_since_files_are_damaged_the_input_is_at_fault(bundle: Path, times, monkeypatch) -> None:
    damaged = Trials((FamilyTime("onnxruntime-fp32", None, "it was changed", damaged=True),), True)
    monkeypatch.setattr(choice, "try_all", lambda *asked: damaged)
    with pytest.raises(InputError, match="it was changed"):
        chosen(bundle, [])


def test_weights_in_int8_are_not_tried_beside_fp32(bundle: Path, times: dict[str, float], kit) -> None:
    """What they compute is the same, from a smaller file."""
    kit.rewrite(bundle, 2, precision="int8w", id="openvino-int8w-16x16")
    times |= {"onnxruntime-fp32": 9.0}
    said: list[str] = []
    chosen(bundle, said)
    assert "openvino-fp32" in timed[0] and "openvino-int8w" not in timed[0]
    assert "passed over openvino-int8w: it computes in fp32, from a smaller file; take it by --artifact" in said


@pytest.mark.parametrize("damage", ["", "{", '{"trials": []}', '{"trials": [{"family": 3}]}'])
def test_a_damaged_memory_is_made_anew(bundle: Path, times: dict[str, float], tmp_path: Path, damage: str) -> None:
    times |= {"onnxruntime-fp32": 9.0}
    chosen(bundle, [])
    (kept,) = (tmp_path / "cache" / "dlgsanet" / "fastest").iterdir()
    whole = kept.read_bytes()
    KeptEntries().keep("fastest", kept.stem, {"times.json": damage.encode()})
    chosen(bundle, [])
    assert kept.read_bytes() == whole and len(timed) == 2


def test_another_bundle_or_another_way_to_run_is_timed_anew(bundle: Path, times: dict[str, float]) -> None:
    times |= {"onnxruntime-fp32": 9.0}
    chosen(bundle, [])
    with chosen_runner(bundle, None, RunOptions(threads=2, cache=True), lambda line: None):
        pass
    manifest = bundle / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    chosen(bundle, [])
    assert len(timed) == 3


def test_a_home_that_cannot_be_written_stops_nothing(bundle: Path, times, monkeypatch, tmp_path: Path) -> None:
    times |= {"onnxruntime-fp32": 9.0}
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert chosen(bundle, []).startswith("onnxruntime-fp32")


def test_one_that_does_not_open_gives_way_to_the_next(bundle: Path, times: dict[str, float], kit) -> None:
    kit.rewrite(bundle, 0, backend="tensorrt", id="tensorrt-fp32-16x16")
    times |= {"tensorrt-fp32": 1.0, "openvino-fp32": 4.0}
    said: list[str] = []
    assert chosen(bundle, said).startswith("openvino-fp32")
    assert any(line.startswith("passed over tensorrt-fp32: ") for line in said)


def test_without_one_that_does_not_open_others_are_near_the_fastest(bundle: Path, times, kit) -> None:
    """The second of the bundle is 8 % behind the fastest, but only 2 % behind the third, and the more exact."""
    kit.rewrite(bundle, 0, backend="tensorrt", id="tensorrt-fp32-16x16")
    _, second, third, *_ = dict.fromkeys(artifact.family for artifact in read_manifest(bundle).artifacts)
    times |= {"tensorrt-fp32": 1.0, second: 1.08, third: 1.06}
    assert chosen(bundle, []).startswith(second)


def test_where_none_runs_all_reasons_are_said(bundle: Path, times: dict[str, float]) -> None:
    with pytest.raises(UnavailableError, match="can run here: not here; not here"):
        chosen(bundle, [])


def test_near_ones_stand_in_the_order_of_the_manifest() -> None:
    trials = [
        FamilyTime("a", 10.0),
        FamilyTime("b", 9.7),
        FamilyTime("c", None, "no"),
        FamilyTime("d", 20.0),
        FamilyTime("e", 15.0),
        FamilyTime("f", 5.0, checked=False),
    ]
    assert [trial.family for trial in ranked(trials)] == ["a", "b", "e", "d", "f"]
    assert ranked([]) == []


def test_one_that_was_not_held_against_its_export_is_so_before_it_is_taken(bundle, times, kit, monkeypatch) -> None:
    """The one to take, which was, no longer opens."""
    kit.rewrite(bundle, 0, backend="tensorrt", id="tensorrt-fp32-16x16")
    tried = Trials((FamilyTime("tensorrt-fp32", 1.0), FamilyTime("openvino-fp32", 4.0, checked=False)), True)
    monkeypatch.setattr(choice, "try_all", lambda *asked: tried)
    held: list[str] = []
    monkeypatch.setattr(choice, "require_as_at_birth", lambda bundle, manifest, it, run: held.append(it.family))
    assert chosen(bundle, []).startswith("openvino-fp32") and held == ["openvino-fp32"]


@pytest.mark.parametrize("named", ["openvino-fp32", None])
def test_only_tiles_that_pictures_go_to_are_opened(bundle: Path, times: dict[str, float], named: str | None) -> None:
    times |= {"openvino-fp32": 4.0}
    for size, tile in (((16, 16), (16, 16)), ((16, 24), (16, 24))):
        asked = PictureSizes(frozenset({size}), 4)
        with chosen_runner(bundle, named, RunOptions(threads=1), lambda line: None, asked) as run:
            assert run.tiles == (tile,)


def test_a_network_that_is_no_friend_of_tiles_says_so(bundle: Path, times: dict[str, float]) -> None:
    times |= {"onnxruntime-fp32": 9.0}
    manifest = read_manifest(bundle)
    foreign = Foreign("spandrel", "lr", "sr", "float32", Pixels(), tiling="discouraged, as spandrel says of SwinIR")
    told = replace(manifest, source=replace(manifest.source, foreign=foreign))
    (bundle / MANIFEST).write_text(manifest_json(told))
    said: list[str] = []
    chosen(bundle, said)
    assert said[0].startswith("tiling is discouraged, as spandrel says of SwinIR: `dlgsanet check ")
    (bundle / MANIFEST).write_text(manifest_json(manifest))
    said.clear()
    chosen(bundle, said)
    assert not any("tiling is" in line for line in said)
