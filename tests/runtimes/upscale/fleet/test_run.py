"""A cluster of several nodes on this machine (`make test-fleet`): nothing lost, nothing twice, nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dlgsanet.__main__ import main
from tests.runtimes.upscale.fleet.film_kit import packets, write_film

pytest.importorskip("ray.data")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[4]
ARTIFACT = "onnxruntime-fp32-16x16"
MANY = 500
LONG, SIZE = 480, 48
"""Frames of a film of ten segments, and how large they are."""

POISON = """
import os, sys
if any("default_worker" in word for word in sys.orig_argv):
    from fsspec.implementations.local import LocalFileSystem
    fetch = LocalFileSystem.get_file
    def poisoned(self, source, *rest, **named):
        if "poison" in source:
            os._exit(1)
        return fetch(self, source, *rest, **named)
    LocalFileSystem.get_file = poisoned
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A head that computes nothing and two nodes of one core; workers end at once where a name has `poison`."""
    from ray.cluster_utils import Cluster

    place = tmp_path_factory.mktemp("poison")
    (place / "sitecustomize.py").write_text(POISON)
    before = os.environ.copy()
    os.environ["PYTHONPATH"] = f"{place}:{ROOT}"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        found.add_node(num_cpus=1)
    yield found
    found.shutdown()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for i in range(MANY):
        folder = place / f"d{i % 7}"
        folder.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (18 + i % 5, 22, 3), np.uint8)).save(folder / f"p{i}.png")
    return place


@pytest.fixture(scope="module")
def expected(pictures: Path, _built_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one machine makes of them."""
    place = tmp_path_factory.mktemp("expected")
    asked = ["upscale", str(pictures), "-o", str(place), "--bundle", str(_built_bundle), "--artifact", ARTIFACT, "-q"]
    assert main([*asked, "--threads", "1"]) == 0
    return contents(place)


def contents(place: Path) -> dict[str, bytes]:
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def driver(cluster: Any, source: Path, out: Path, bundle: Path, record: Path, *more: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "dlgsanet",
        "upscale",
        source,
        "-o",
        out,
        "--bundle",
        bundle,
        "--artifact",
        ARTIFACT,
    ]
    command += ["--ray", cluster.address, "--threads", "1", "--record", record, "--json", *more]
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=record.parent
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, Any, str]:
    out, errors = process.communicate(timeout=400)
    return process.returncode, json.loads(out) if out else None, errors


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def wait_for(count: int, out: Path, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and len(list(out.rglob("*.png")) if out.exists() else []) < count:
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()


def an_actor() -> int:
    """The process of an actor at work."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    found = [int(line.split()[0]) for line in listed.splitlines() if "ray::MapWorker" in line]
    assert found
    return found[0]


def test_an_actor_and_a_node_die(
    cluster: Any, pictures: Path, expected: dict[str, bytes], _built_bundle: Path, tmp_path: Path
) -> None:
    lost = cluster.add_node(num_cpus=1)
    process = driver(cluster, pictures, tmp_path / "out", _built_bundle, tmp_path / "record.jsonl")
    wait_for(40, tmp_path / "out", process)
    os.kill(an_actor(), signal.SIGKILL)
    wait_for(120, tmp_path / "out", process)
    cluster.remove_node(lost, allow_graceful=False)
    code, facts, errors = finish(process)
    assert code == 0, errors
    assert contents(tmp_path / "out") == expected
    told = records(tmp_path / "record.jsonl")
    assert Counter(one["target"] for one in told) == Counter(expected.keys())
    assert {one["status"] for one in told} <= {"done", "there"} and facts["failed"] == 0


def test_the_driver_dies_and_a_second_run_does_what_is_missing(
    cluster: Any, pictures: Path, expected: dict[str, bytes], _built_bundle: Path, tmp_path: Path
) -> None:
    out, record = tmp_path / "out", tmp_path / "record.jsonl"
    process = driver(cluster, pictures, out, _built_bundle, record)
    wait_for(60, out, process)
    process.kill()
    process.communicate()
    time.sleep(3)  # until the cluster has ended the job's actors
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert 60 <= len(before) < MANY
    code, facts, errors = finish(driver(cluster, pictures, out, _built_bundle, record))
    assert code == 0, errors
    assert contents(out) == expected
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert facts["done"] + facts["there"] == MANY and facts["done"] <= MANY - len(before)


def test_bad_pictures_are_listed_and_one_that_ends_actors_too(
    cluster: Any, pictures: Path, expected: dict[str, bytes], _built_bundle: Path, tmp_path: Path
) -> None:
    place = tmp_path / "in"
    shutil.copytree(pictures / "d0", place)
    (place / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    shutil.copy(place / "p0.png", place / "poison.png")
    process = driver(cluster, place, tmp_path / "out", _built_bundle, tmp_path / "record.jsonl")
    code, facts, errors = finish(process)
    assert code == 2 and "2 of" in errors and "record.jsonl" in errors
    told = {one["source"]: one for one in records(tmp_path / "record.jsonl")}
    assert facts["failed"] == 2 and told["bad.png"]["attempts"] == 3
    assert "its process ended" in told["poison.png"]["reason"]
    good = {name.removeprefix("d0/"): data for name, data in expected.items() if name.startswith("d0/")}
    assert contents(tmp_path / "out") == good


def test_a_film_lies_among_pictures(
    cluster: Any, pictures: Path, expected: dict[str, bytes], _built_bundle: Path, tmp_path: Path
) -> None:
    pytest.importorskip("av")
    place, alone = tmp_path / "in", tmp_path / "alone.mkv"
    shutil.copytree(pictures / "d0", place)
    write_film(place / "film.mkv")
    asked = ["upscale", str(place / "film.mkv"), "-o", str(alone), "--bundle", str(_built_bundle), "-q"]
    assert main([*asked, "--artifact", ARTIFACT, "--threads", "1"]) == 0
    process = driver(cluster, place, tmp_path / "out", _built_bundle, tmp_path / "record.jsonl")
    code, _, errors = finish(process)
    assert code == 0, errors
    made = contents(tmp_path / "out")
    (name,) = (name for name in made if name.startswith("film"))
    assert packets(tmp_path / "out" / name) == packets(alone)
    assert len(made.pop(name)) == alone.stat().st_size  # Matroska's ids are drawn
    assert made == {each.removeprefix("d0/"): data for each, data in expected.items() if each.startswith("d0/")}
    told = {one["source"]: one for one in records(tmp_path / "record.jsonl")}
    assert told["film.mkv"]["status"] == "done" and told["film.mkv"]["megapixels"] == round(24 * 24 * 25 / 1e6, 3)


def segments(out: Path) -> dict[Path, int]:
    """Those that are finished, and when."""
    return {path: path.stat().st_mtime_ns for path in out.glob(".*.parts/*/*.segment")} if out.exists() else {}


def wait_for_segments(count: int, out: Path, process: subprocess.Popen[str]) -> dict[Path, int]:
    while process.poll() is None and len(segments(out)) < count:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    return segments(out)


@pytest.fixture(scope="module")
def long_film(_built_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Ten segments, and what one machine makes of them."""
    pytest.importorskip("av")
    place = tmp_path_factory.mktemp("long")
    (place / "in").mkdir()
    write_film(place / "in" / "film.mkv", LONG, (SIZE, SIZE))
    asked = ["upscale", str(place / "in" / "film.mkv"), "-o", str(place / "alone.mkv"), "--bundle", str(_built_bundle)]
    assert main([*asked, "--artifact", ARTIFACT, "--threads", "1", "-q"]) == 0
    return place / "in", place / "alone.mkv"


def test_an_actor_dies_inside_a_film(
    cluster: Any, long_film: tuple[Path, Path], _built_bundle: Path, tmp_path: Path
) -> None:
    source, alone = long_film
    out, record = tmp_path / "out", tmp_path / "record.jsonl"
    process = driver(cluster, source, out, _built_bundle, record)
    before = wait_for_segments(3, out, process)
    os.kill(an_actor(), signal.SIGKILL)
    after = wait_for_segments(len(before) + 2, out, process)
    assert {path: after[path] for path in before} == before  # nobody computes those again
    code, facts, errors = finish(process)
    assert code == 0, errors
    assert packets(out / "film_x2.mkv") == packets(alone)
    assert [path.name for path in out.iterdir()] == ["film_x2.mkv"]
    (told,) = records(record)
    assert told["status"] == "done" and facts["done"] == 1


def test_the_driver_dies_inside_a_film_and_a_second_run_computes_the_rest(
    cluster: Any, long_film: tuple[Path, Path], _built_bundle: Path, tmp_path: Path
) -> None:
    source, alone = long_film
    out, record = tmp_path / "out", tmp_path / "record.jsonl"
    process = driver(cluster, source, out, _built_bundle, record)
    wait_for_segments(3, out, process)
    process.kill()
    process.communicate()
    time.sleep(3)  # until the cluster has ended the job's actors
    before = segments(out)
    assert 3 <= len(before) < LONG // 48 and not (out / "film_x2.mkv").exists()
    code, _, errors = finish(driver(cluster, source, out, _built_bundle, record))
    assert code == 0, errors
    assert packets(out / "film_x2.mkv") == packets(alone)
    (told,) = records(record)
    frames = LONG - 48 * len(before)
    assert told["megapixels"] == round(SIZE * SIZE * frames / 1e6, 3)  # what was there was not computed again


@pytest.mark.parametrize(("full_nodes", "limit"), [(1, MANY), (4, 2)])
def test_nodes_with_full_disks_leave_their_files_to_others(
    cluster: Any, pictures: Path, _built_bundle: Path, tmp_path: Path, full_nodes: int, limit: int
) -> None:
    """Also where most nodes are such, and few files are left: whoever begins first would be one of them."""
    full = tmp_path / "full"
    full.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(full)], capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    given, out, record = pictures / "d0", tmp_path / "out", tmp_path / "record.jsonl"
    nodes = [cluster.add_node(num_cpus=1, env_vars={"TMPDIR": str(full)}) for _ in range(full_nodes)]
    try:
        code, _, errors = finish(driver(cluster, given, out, _built_bundle, record, "--limit", str(limit)))
    finally:
        for node in nodes:
            cluster.remove_node(node)
        subprocess.run(["umount", "-l", str(full)], check=False)
    assert code == 0, errors
    assert len(contents(out)) == min(limit, len(list(given.iterdir())))


def test_an_estimate_writes_nothing(cluster: Any, pictures: Path, _built_bundle: Path, tmp_path: Path) -> None:
    process = driver(cluster, pictures, tmp_path / "out", _built_bundle, tmp_path / "record.jsonl", "--dry-run")
    code, facts, errors = finish(process)
    assert code == 0, errors
    assert facts["files"] == MANY and facts["actors"] == 2 and 0 < facts["hours_low"] < facts["hours_high"]
    assert not (tmp_path / "out").exists() and not (tmp_path / "record.jsonl").exists()


def test_no_cluster_and_no_room(cluster: Any, pictures: Path, _built_bundle: Path, tmp_path: Path) -> None:
    process = driver(cluster, pictures, tmp_path / "out", _built_bundle, tmp_path / "r", "--threads", "64")
    code, _, errors = finish(process)
    assert code == 3 and "no machine of the cluster has 64 threads" in errors
