"""A model on a server as a runner, against a stand-in of the protocol."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dlgsanet.__main__ import main
from dlgsanet.errors import BackendError, InputError, UnavailableError
from dlgsanet.imaging.files import read_rgb8
from runtimes import open_served
from runtimes.backends.kserve.address import parse_served
from runtimes.backends.kserve.patience import Patience
from runtimes.backends.kserve.runner import Expected, ServerRunner
from runtimes.runner.contract import NOT_TOLD, OutputError, Runner

SCALE, TILE = 2, (16, 20)
needs_dev_shm = pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="the stand-in maps memory by /dev/shm")


def runner(url: str, expected: Expected | None = None, seconds: float = 5.0) -> Runner:
    return ServerRunner(parse_served(url, "m"), expected or Expected("m", "fp32", SCALE, TILE), Patience(seconds))


def test_a_picture_goes_through_in_tiles_and_in_order(url: str, stand_in: Any, picture: np.ndarray) -> None:
    quick = stand_in.compute
    stand_in.compute = lambda lr: time.sleep(0.01) or quick(lr)
    with open_served(parse_served(url, "m")) as run:
        assert (run.scale, run.tile) == (SCALE, TILE)
        assert np.abs(run(picture) - quick(picture)).max() < 1e-6
    assert stand_in.most_at_once > 1


def test_it_says_what_runs_and_that_nobody_tells_the_precision(url: str) -> None:
    with runner(url) as run:
        assert run.info.backend == "kserve" and "stand-in 1" in run.info.device and url in run.info.device
        assert run.info.reported_precision == NOT_TOLD and run.info.precision_mismatch is None


def test_a_server_that_is_starting_is_waited_for(url: str, stand_in: Any) -> None:
    tile = np.random.default_rng(0).random((1, 3, *TILE), np.float32)
    with runner(url) as run:
        stand_in.refuses = 2
        assert np.array_equal(run.infer(tile), stand_in.compute(tile))
    assert stand_in.asked == 3


@needs_dev_shm
def test_a_server_that_forgot_the_shared_memory_is_asked_again(url: str, stand_in: Any) -> None:
    """One that was started anew is reached by the same client, which connects again by itself."""
    stand_in.extensions = ["system_shared_memory"]
    tile = np.random.default_rng(0).random((1, 3, *TILE), np.float32)
    with runner(url) as run:
        assert "shared memory" in run.info.device
        assert np.array_equal(run.infer(tile), stand_in.compute(tile))
        first = set(stand_in.memory)
        stand_in.memory.clear()
        assert np.array_equal(run.infer(tile), stand_in.compute(tile))
        assert len(first) == 2 and not first & set(stand_in.memory)
    assert not stand_in.memory


@needs_dev_shm
def test_a_wrong_question_by_shared_memory_is_asked_once(url: str, stand_in: Any) -> None:
    stand_in.extensions = ["system_shared_memory"]
    with runner(url, seconds=60) as run:
        stand_in.infer = lambda request: (400, {"error": "unexpected shape"})
        with pytest.raises(InputError, match="unexpected shape"):
            run.infer(np.zeros((1, 3, *TILE), np.float32))


def test_a_server_that_stays_away_ends_in_one_line(url: str, stand_in: Any) -> None:
    with runner(url, seconds=0.2) as run:
        stand_in.refuses = 1000
        with pytest.raises(UnavailableError, match=r"no answer from .*starting; asked again for 0\.2 s"):
            run.infer(np.zeros((1, 3, *TILE), np.float32))


def test_no_server_and_no_model(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from runtimes.backends.kserve import runner as module

    monkeypatch.setattr(module, "FIRST_WORD", Patience(0.1))
    with pytest.raises(UnavailableError, match="no answer from http"), runner("http://127.0.0.1:9"):
        pass
    with pytest.raises(UnavailableError, match="no answer from grpc"), runner("grpc://127.0.0.1:9"):
        pass
    served = parse_served(url, "other")
    with pytest.raises(InputError, match="no such model"), ServerRunner(served, Expected("m", "fp32", SCALE, TILE)):
        pass


@pytest.mark.parametrize("scale, tile, said", [(4, TILE, "x2"), (SCALE, (16, 16), "tiles of 16x20")])
def test_a_model_that_is_not_the_artifact_is_refused_before_a_tile(
    url: str, stand_in: Any, scale: int, tile: tuple[int, int], said: str
) -> None:
    with pytest.raises(InputError, match=said), runner(url, Expected("m", "fp32", scale, tile)):
        pass
    assert stand_in.asked == 0


def test_what_no_working_engine_returns_is_found(url: str, stand_in: Any) -> None:
    tile = np.random.default_rng(0).random((1, 3, *TILE), np.float32)
    stand_in.compute = lambda lr: lr
    with runner(url) as run, pytest.raises(OutputError, match="of shape"):
        run.infer(tile)
    stand_in.compute = lambda lr: np.zeros((1, 3, 32, 40), np.float32)
    with runner(url) as run, pytest.raises(OutputError, match="0 everywhere"):
        run.infer(tile)


def test_an_error_of_the_server_is_no_usage_error(url: str, stand_in: Any) -> None:
    stand_in.infer = lambda request: (500, {"error": "out of memory"})
    with runner(url) as run, pytest.raises(BackendError, match="out of memory"):
        run.infer(np.zeros((1, 3, *TILE), np.float32))


def test_leaving_the_block_ends_the_asking(url: str, stand_in: Any, picture: np.ndarray) -> None:
    begun = time.monotonic()
    with runner(url, seconds=60) as run:
        stand_in.refuses = 10_000
        rows = run.rows(picture)
        threading.Timer(0.3, lambda: run.__exit__(None, None, None)).start()
        with pytest.raises(UnavailableError):
            list(rows)
    assert time.monotonic() - begun < 20


def test_upscale_asks_a_server(url: str, stand_in: Any, tmp_path: Path) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    asked = ["upscale", str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), "--server", url]
    assert main([*asked, "--model", "m"]) == 0
    expected = np.rint(rgb.repeat(2, 0).repeat(2, 1) * 0.5)
    assert np.abs(read_rgb8(tmp_path / "b.png") - expected).max() <= 1
    assert main([*asked, "--force"]) == 2
    assert main([*asked, "--force", "--model", "m", "--device", "GPU"]) == 2
    assert main([*asked, "--force", "--model", "m", "--artifact", "x"]) == 2
