from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from dlgsanet.network.config import ModelConfig, named_config
from export.networks.dlgsanet import memory_estimate as memory
from export.networks.dlgsanet.memory_estimate import export_bytes, require_memory
from export.targets.row import LOWERINGS
from runtimes.machine.memory import available_bytes

PEAK = """
import sys, torch
torch.set_num_threads(1)
from runtimes.machine.memory import peak_rss_mb  # not ru_maxrss, which counts the parent's memory too
from dlgsanet.network.config import named_config
from dlgsanet.network.model import DLGSANet
from export.rewriting.certificate import certify
from export.rewriting.rewrite import rewrite
from export.targets.table import Target
model, tile = DLGSANet(named_config("nano", 4)).eval(), (160, 160)
before = peak_rss_mb()
certify(model, rewrite(model, Target("openvino", "fp32", tile), lowering_name=sys.argv[1]).model, tile, {})
print(int((peak_rss_mb() - before) * 1e6))
"""


def test_a_tile_larger_than_the_memory_is_refused_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 2 << 30)
    require_memory(named_config("nano", 4), (128, 128))
    with pytest.raises(InputError, match=r"8192x8192 needs about .* GiB .* 2\.0 GiB are free"):
        require_memory(named_config("nano", 4), (8192, 8192))


def test_an_unknown_amount_of_memory_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    require_memory(named_config("full", 4), (8192, 8192))


def test_the_estimate_grows_with_the_tile_and_the_network() -> None:
    small, large = named_config("nano", 4), named_config("tiny", 4)
    assert export_bytes(small, (64, 64)) < export_bytes(small, (128, 64)) < export_bytes(large, (128, 64))
    assert export_bytes(large, (64, 64)) < export_bytes(large, (64, 64), "unfold")
    assert export_bytes(ModelConfig(48, 3, 3, 4, dynamic=False), (64, 64)) < export_bytes(large, (64, 64))


def test_this_machine_says_what_it_has() -> None:
    available = available_bytes()
    assert available is None or 1 << 26 < available < 1 << 50


@pytest.mark.slow
@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
def test_the_estimate_is_above_the_measured_peak(lowering: str) -> None:
    repository = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, lowering], cwd=repository, capture_output=True, text=True, check=True
    )
    estimate = export_bytes(named_config("nano", 4), (160, 160), lowering)
    assert 0.25 * estimate < int(done.stdout) < estimate
