"""One actor, without Ray."""

from __future__ import annotations

import errno
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlgsanet.errors import InputError
from dlgsanet.imaging.files import read_rgb8
from runtimes import open_runner
from runtimes.upscale.fleet import worker
from runtimes.upscale.fleet.parcel import pack
from runtimes.upscale.fleet.store import Store
from runtimes.upscale.fleet.worker import ATTEMPTS, DEATHS, Task, Upscaler, machine_kind, require_fleet
from runtimes.upscale.options import UpscaleOptions

pytest.importorskip("fsspec")
ARTIFACT = "onnxruntime-fp32-16x16"


@pytest.fixture
def task(bundle: Path, tmp_path: Path) -> Task:
    given, wanted = tmp_path / "in", tmp_path / "out"
    (given / "sub").mkdir(parents=True)
    rgb = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    Image.fromarray(rgb).save(given / "sub" / "a.png")
    (given / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    options = UpscaleOptions(inputs=(given,), output=wanted, bundle=bundle, artifact=ARTIFACT, threads=1, ray="local")
    return Task(pack(bundle, ARTIFACT), {}, options, Store(str(given)), Store(str(wanted)))


def test_a_picture_is_what_one_machine_makes_of_it(task: Task, bundle: Path, tmp_path: Path) -> None:
    told = Upscaler(task)({"source": "sub/a.png", "target": "sub/a_x2.png"})
    assert told["status"] == "done" and told["artifact"] == ARTIFACT and told["megapixels"] == 0.0012
    lr = read_rgb8(tmp_path / "in" / "sub" / "a.png").astype(np.float32).transpose(2, 0, 1)[None] / np.float32(255)
    with open_runner(bundle, ARTIFACT) as run:
        expected = np.rint(run(lr)[0].clip(0, 1) * 255).transpose(1, 2, 0)
    assert np.array_equal(read_rgb8(tmp_path / "out" / "sub" / "a_x2.png"), expected)


def test_a_file_that_ended_its_processes_is_told(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str | None] = []
    times = {"a.png": DEATHS, "b.png": DEATHS + 1, None: 1}
    monkeypatch.setattr(worker, "begin", lambda counter, target: times[target])
    monkeypatch.setattr(worker, "end", lambda counter, target: ends.append(target))
    upscaler = Upscaler(task)
    assert upscaler({"source": "sub/a.png", "target": "a.png"})["status"] == "done"
    told = upscaler({"source": "sub/a.png", "target": "b.png"})
    assert (told["status"], told["reason"]) == ("failed", f"its process ended {DEATHS} times at least")
    assert ends == [None, "a.png", "b.png"]


def test_an_actor_whose_opening_ended_its_processes_leaves_the_files_to_others(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "begin", lambda counter, target: DEATHS + 1)
    monkeypatch.setattr(worker, "PAUSE_S", 0)
    told = Upscaler(task)({"source": "sub/a.png", "target": "a.png"})
    assert told["status"] == "elsewhere" and "opening the artifact: its process ended" in str(told["reason"])


def test_what_is_there_is_not_made_again(task: Task, tmp_path: Path) -> None:
    (tmp_path / "out" / "sub").mkdir(parents=True)
    (tmp_path / "out" / "sub" / "a_x2.png").write_bytes(b"there")
    row = {"source": "sub/a.png", "target": "sub/a_x2.png"}
    assert Upscaler(task)(row)["status"] == "there"
    assert (tmp_path / "out" / "sub" / "a_x2.png").read_bytes() == b"there"
    forced = replace(task, options=replace(task.options, force=True))
    assert Upscaler(forced)(row)["status"] == "done"


def test_a_bad_picture_is_tried_again_and_then_told(task: Task, tmp_path: Path) -> None:
    told = Upscaler(task)({"source": "bad.png", "target": "bad_x2.png"})
    assert told["status"] == "failed" and told["attempts"] == ATTEMPTS
    assert "bad.png" in str(told["reason"]) and "/tmp" not in str(told["reason"])
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_no_fault_of_the_picture(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise InputError("cannot write") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(worker, "PAUSE_S", 0.0)
    monkeypatch.setattr(worker, "run_upscale", full)
    told = Upscaler(task)({"source": "sub/a.png", "target": "sub/a_x2.png"})
    assert told["status"] == "elsewhere" and told["attempts"] == 1


def test_a_machine_without_the_engine_leaves_its_files_to_others(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PAUSE_S", 0.0)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    told = Upscaler(task)({"source": "sub/a.png", "target": "sub/a_x2.png"})
    assert told["status"] == "elsewhere" and "onnxruntime" in str(told["reason"])


def test_an_estimate_keeps_nothing(task: Task, tmp_path: Path) -> None:
    told = Upscaler(replace(task, keep=False))({"source": "sub/a.png", "target": "sub/a_x2.png"})
    assert told["status"] == "done" and not (tmp_path / "out").exists()


def test_a_kind_of_machine_has_its_artifact(task: Task) -> None:
    open_artifact = replace(task.options, artifact=None)
    kinds = {machine_kind(open_artifact): "openvino-fp32-16x16"}
    found = replace(task, options=open_artifact, families=kinds, parcel=pack(task.options.bundle, None))  # type: ignore[arg-type]
    assert Upscaler(found)({"source": "sub/a.png", "target": "x.png"})["artifact"] == "openvino-fp32-16x16"


@pytest.mark.parametrize(
    "wrong",
    [
        {"bundle": None},
        {"model": "nano-x4"},
        {"server": "a:1"},
        {"form": "same"},
        {"inputs": (Path(), Path())},
        {"start": "1"},
    ],
)
def test_options_for_one_machine_are_refused(task: Task, wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"--|one source"):
        require_fleet(replace(task.options, **wrong))  # type: ignore[arg-type]
