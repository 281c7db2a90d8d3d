"""Kernels that were compiled before are handed to the library; it and the hash decide whether they are taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runtimes.backends.tensorrt.runner import TensorRTRunner
from runtimes.bundle.manifest import read_manifest
from runtimes.runner.contract import RunOptions
from tests.runtimes.backends.tensorrt.fakes.fake_engines import built

LR = np.random.default_rng(1).random((1, 3, 16, 16), dtype=np.float32)


@pytest.fixture
def home(own_cache: Path) -> Path:
    return own_cache / "kernels"


@pytest.fixture
def compiled(graphs, cuda, fake_package, home):
    """A run with a library of some driver; how many kernels it compiled."""
    artifact = read_manifest(graphs).artifacts[0]

    def run(driver: str, cache: bool = True, **behaviour: object) -> int:
        fake_package(kernels=driver, **behaviour)
        import tensorrt

        tensorrt.enqueue = cuda.enqueue
        cuda.closed = False
        with TensorRTRunner(graphs, artifact, 2, RunOptions("GPU", cache=cache), cuda=lambda: cuda) as runner:
            np.testing.assert_array_equal(runner.infer(LR), np.repeat(np.repeat(LR, 2, 2), 2, 3))
        return len(tensorrt.compiled)

    built(graphs, artifact)
    return run


def test_the_second_start_compiles_nothing(compiled, home):
    assert [compiled("driver 1") for _ in range(3)] == [1, 0, 0]
    assert len(list(home.iterdir())) == 1


def test_nothing_is_kept_unless_that_is_asked_for(compiled, home):
    assert [compiled("driver 1", cache=False) for _ in range(2)] == [0, 0]
    assert not home.exists()


def test_what_another_driver_wrote_is_compiled_anew_and_replaced(compiled, home):
    assert [compiled("driver 1"), compiled("driver 2"), compiled("driver 2")] == [1, 1, 0]
    assert len(list(home.iterdir())) == 1


def test_a_damaged_entry_never_reaches_the_library(compiled, home):
    compiled("driver 1")
    (path,) = home.iterdir()
    path.write_bytes(path.read_bytes().replace(b"a kernel", b"a kernol"))
    assert [compiled("driver 1") for _ in range(2)] == [1, 0]


def test_a_library_without_such_a_cache_runs_as_ever(compiled, home):
    assert compiled("") == 0
    assert not home.exists()
