"""A real Triton server runs a repository that `dlgsanet repository` wrote (`make test-server`)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlgsanet.errors import InputError
from runtimes import open_runner, open_served
from runtimes.backends.kserve.address import parse_served
from runtimes.serving.options import RepositoryOptions
from runtimes.serving.repository import plan_repository, write_repository
from tests.runtimes.backends.kserve.real_server import Triton, home, serving, with_python_backend

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(home() is None, reason="a Triton server comes with `make test-server`"),
]
ARTIFACT, MODEL = "onnxruntime-fp32-16x16", "tiny-onnxruntime-fp32-16x16"


@pytest.fixture(scope="module")
def server(_built_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    work = tmp_path_factory.mktemp("triton")
    options = RepositoryOptions(
        bundle=_built_bundle, output=work / "models", server="triton", artifacts=("onnxruntime",), instances=2
    )
    write_repository(plan_repository(options), options.output)
    with_python_backend(options.output)
    with serving(options.output, work) as running:
        yield running


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_picture_is_bit_equal_to_the_files(
    server: Triton, _built_bundle: Path, picture: np.ndarray, protocol: str
) -> None:
    with open_served(parse_served(getattr(server, protocol), MODEL)) as run:
        served = run(picture)
        assert "triton" in run.info.device and "shared memory" in run.info.device
    with open_runner(_built_bundle, ARTIFACT, threads=1) as run:
        assert np.array_equal(served, run(picture))


def test_without_shared_memory_too(server: Triton, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    from runtimes.backends.kserve.connection import ServerFacts

    with open_served(parse_served(server.grpc, MODEL)) as run:
        shared = run(picture)
    monkeypatch.setattr(ServerFacts, "shares_memory", False)
    for place in (server.grpc, server.http):
        with open_served(parse_served(place, MODEL)) as run:
            assert "shared memory" not in run.info.device
            assert np.array_equal(run(picture), shared)


def test_wrong_models(server: Triton, _built_bundle: Path) -> None:
    for place in (server.grpc, server.http):
        with pytest.raises(InputError, match="unknown model: 'nothing'"):
            open_served(parse_served(place, "nothing"))
        with pytest.raises(InputError, match="version 7"):
            open_served(parse_served(place, f"{MODEL}:7"))
        with (
            pytest.raises(InputError, match="has tiles of 16x16"),
            open_served(parse_served(place, MODEL), bundle=_built_bundle, artifact="onnxruntime-fp32-16x24"),
        ):
            pass
        # Tile and scale are right; only the configuration tells that it is another artifact.
        with (
            pytest.raises(InputError, match=f"has {ARTIFACT}"),
            open_served(parse_served(place, MODEL), bundle=_built_bundle, artifact="openvino-fp32-16x16"),
        ):
            pass


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_thousand_requests_sixteen_in_flight(server: Triton, protocol: str, kit: Any) -> None:
    tiles = np.random.default_rng(0).random((1000, 1, 3, *kit.tile), np.float32)
    answers: list[np.ndarray] = [np.empty(0)] * len(tiles)
    with open_served(parse_served(getattr(server, protocol), MODEL)) as run:

        def ask(first: int) -> None:
            for i in range(first, len(tiles), 16):
                answers[i] = run.infer(tiles[i])

        threads = [threading.Thread(target=ask, args=(first,)) for first in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    worst = max(np.abs(sr - kit.numpy(tile)).max() for sr, tile in zip(answers, tiles, strict=True))
    assert worst < 1e-5


def test_killed_and_started_again_in_the_middle_of_a_picture(server: Triton, kit: Any) -> None:
    lr = np.random.default_rng(5).random((1, 3, 300, 300), np.float32)
    with open_served(parse_served(server.grpc, MODEL)) as run:
        expected = run(lr)
        seen: list[None] = []

        def on_tile() -> None:
            seen.append(None)
            if len(seen) == 100:
                server.kill()
                threading.Timer(1.0, server.start).start()

        strips = [strip for _, strip in run.rows(lr, on_tile=on_tile)]
    assert len(seen) > 1000
    assert np.array_equal(np.concatenate(strips, axis=2), expected)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_started_anew_between_two_tiles(server: Triton, protocol: str, kit: Any) -> None:
    """The client connects again unnoticed, to a server that never heard of the memory shared with it."""
    tile = np.random.default_rng(6).random((1, 3, *kit.tile), np.float32)
    with open_served(parse_served(getattr(server, protocol), MODEL)) as run:
        expected = run.infer(tile)
        server.kill()
        server.start()
        assert np.array_equal(run.infer(tile), expected)
