"""A store of objects behind its own protocol: S3 as moto's server speaks it (`make test-store`)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dlgsanet.errors import BackendError, InputError
from runtimes.upscale.fleet.items import list_items, missing
from runtimes.upscale.fleet.store import Store, StoredFile

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a server with one bucket, `pictures`."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(number)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    before = os.environ.copy()
    os.environ.update(
        AWS_ACCESS_KEY_ID="none",
        AWS_SECRET_ACCESS_KEY="none",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{number}",
        FSSPEC_S3=json.dumps({"endpoint_url": f"http://127.0.0.1:{number}"}),
    )
    try:
        _wait_for(number, server)
        import s3fs

        s3fs.S3FileSystem(endpoint_url=f"http://127.0.0.1:{number}").mkdir("pictures")
        yield number
    finally:
        server.terminate()
        server.wait()
        os.environ.clear()
        os.environ.update(before)


def _wait_for(number: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None
        with closing(socket.socket()) as found:
            if found.connect_ex(("127.0.0.1", number)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("moto's server does not answer")


@pytest.fixture
def store(port: int) -> Store:
    return Store(f"s3://pictures/{uuid.uuid4().hex}", "job")


def test_objects_appear_whole_and_come_back(store: Store, tmp_path: Path) -> None:
    assert store.files() == [] and not store.has("a/b.png")
    made = tmp_path / "made"
    made.write_bytes(b"x" * 6_000_000)  # goes up in parts
    store.put(made, "a/b.png")
    assert store.files() == [StoredFile("a/b.png", 6_000_000)] and store.has("a/b.png")
    store.fetch("a/b.png", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == made.read_bytes()
    assert Store(f"{store.url}/a/b.png").files() == [StoredFile("", 6_000_000)]
    assert store.clear_parts() == 0  # nothing is left half-written that could be cleared


def test_a_second_run_does_what_is_missing(store: Store, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.write_bytes(b"1")
    source, target = Store(f"{store.url}/in"), Store(f"{store.url}/out")
    for name in ("a.png", "d/b.jpg", ".hidden.png"):
        source.put(made, name)
    items = list_items(source.files(), source.url, None, 4)
    assert sorted(item.source for item in items) == ["a.png", "d/b.jpg"]
    target.put(made, items[0].target)
    assert missing(items, target.files()) == items[1:]


def test_no_bucket_is_said_in_one_line(port: int, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.write_bytes(b"1")
    with pytest.raises((InputError, BackendError)) as found:
        Store("s3://nowhere/in").put(made, "a.png")
    assert "s3://nowhere/in" in str(found.value) and "\n" not in str(found.value)


def test_a_server_that_is_gone_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises((InputError, BackendError)) as found:
        Store(f"s3://gone{uuid.uuid4().hex[:6]}/in").fetch("a.png", tmp_path / "back")
    assert "\n" not in str(found.value)


def test_segments_are_named_and_removed_there(store: Store, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    assert store.names("sub/.a.mkv.parts/k") == set()
    for name in ("000000.segment", "000001.end"):
        store.put(tmp_path / "x", f"sub/.a.mkv.parts/k/{name}")
    assert store.names("sub/.a.mkv.parts/k") == {"000000.segment", "000001.end"}
    for _ in range(2):
        store.remove("sub/.a.mkv.parts")
        assert store.names("sub/.a.mkv.parts/k") == set()
