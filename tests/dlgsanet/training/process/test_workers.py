"""Several processes: the same curve as one process with the whole batch, through torchrun itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from dlgsanet.checkpoints import load_model
from dlgsanet.errors import UnavailableError
from dlgsanet.training.configuration.read import config_from_dict
from dlgsanet.training.process.workers import Worker, choose_device, join
from dlgsanet.training.run import train

ROOT = Path(__file__).parents[4]
RECIPE = """
[model]
variant = "nano"
scale = 4
[data]
train = "{photographs}"
patch = 8
batch = 4
candidates = 2
[optimizer]
learning_rate = 1e-3
accumulate = 2
[schedule]
steps = 4
[run]
log_every = 1
threads = 1
device = "cpu"
"""


def test_two_processes_repeat_the_curve_of_one(
    photographs: Path, tmp_path: Path, quiet: Console, losses: Callable[[Path], list[float]]
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(photographs=photographs))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += ["-m", "dlgsanet", "train", str(recipe), "-o", str(tmp_path / "two"), "--cache", str(tmp_path / "two-c")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as processes:
        try:
            _, said = processes.communicate(timeout=120)
        finally:
            processes.terminate()  # torchrun takes its processes with it
    assert processes.returncode == 0, said
    tables = _tables(photographs)
    one = train(config_from_dict(tables), tmp_path / "one", tmp_path / "one-c", quiet)
    assert len(losses(tmp_path / "one")) == 4
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-5)
    a, b = load_model(one).state_dict(), load_model(tmp_path / "two" / "final.safetensors").state_dict()
    assert max(float((a[key] - b[key]).abs().max()) for key in a) < 1e-4


def _tables(photographs: Path) -> dict[str, Any]:
    """The recipe above, for one process that takes the whole batch at once."""
    return {
        "model": {"variant": "nano", "scale": 4},
        "data": {"train": str(photographs), "patch": 8, "batch": 4, "candidates": 2},
        "optimizer": {"learning_rate": 1e-3},
        "schedule": {"steps": 4},
        "run": {"log_every": 1, "threads": 1, "device": "cpu"},
    }


def test_alone_without_torchrun() -> None:
    with join("cpu") as worker:
        assert worker == Worker(torch.device("cpu")) and worker.leads
        assert worker.mean(3.0) == 3.0 and worker.any(True) and not worker.any(False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_missing_cuda_is_refused_not_replaced() -> None:
    with pytest.raises(UnavailableError, match=r"run\.device is cuda"):
        choose_device("cuda")
    assert choose_device("auto") == torch.device("cpu")
