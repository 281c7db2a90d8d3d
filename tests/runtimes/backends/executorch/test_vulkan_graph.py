"""ExecuTorch's programs for Vulkan: read from the file alone, and run by nothing here. ExecuTorch is not needed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dlgsanet.errors import UnavailableError
from runtimes import open_runner
from runtimes.backends.executorch.layers import require_whole
from runtimes.backends.executorch.vulkan_graph import DELEGATE, VulkanGraph, require_vulkan
from runtimes.backends.registry import BUILT_IN, judges
from runtimes.doctor import examine
from tests.runtimes.backends.executorch.executorch_kit import TINY, TINY_COREML, TINY_VULKAN, add_artifact

BACKEND = "executorch-vulkan"


def test_the_graph_is_read() -> None:
    graph = VulkanGraph(require_whole(TINY_VULKAN, DELEGATE))
    assert graph.operators == ("aten.convolution.default", "aten.pixel_shuffle.default")
    assert graph.precision == "fp16"
    require_vulkan(TINY_VULKAN, "fp16")


def test_another_precision_or_delegate_is_refused() -> None:
    with pytest.raises(ValueError, match="expected fp32 throughout, the delegate was given fp16"):
        require_vulkan(TINY_VULKAN, "fp32")
    for data in (TINY, TINY_COREML):
        with pytest.raises(ValueError, match="expected one call of VulkanBackend"):
            require_vulkan(data, "fp32")


def test_tensors_of_several_precisions_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VulkanGraph, "_kinds", lambda graph: ["fp32", "fp16"] * 2)
    assert VulkanGraph(b"").precision == "fp16 (2 tensors) and fp32 (2 tensors)"


@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"1234VH00" + b"\0" * 40])
def test_what_is_no_graph_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a graph of VulkanBackend"):
        _ = VulkanGraph(data).operators


@pytest.mark.parametrize("place", range(0, len(TINY_VULKAN), 11))
def test_changed_bytes_are_read_or_a_value_error(place: int) -> None:
    data = bytearray(TINY_VULKAN)
    data[place] ^= 0xFF
    with suppress(ValueError):
        require_vulkan(bytes(data), "fp16")


@pytest.mark.parametrize("device", ["CPU", "GPU"])
def test_nothing_here_runs_or_judges_it(bundle: Path, kit: Any, device: str) -> None:
    artifact = add_artifact(bundle, kit, TINY_VULKAN, precision="fp16", backend=BACKEND)
    assert judges(artifact, device) == ()
    with (
        pytest.raises(UnavailableError, match=rf"{artifact.id}: it runs in apps .* nothing here judges it"),
        open_runner(bundle, artifact.id, device=device),
    ):
        pass


def test_the_doctor_calls_it_no_engine_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    finding = examine(BUILT_IN[BACKEND])
    assert (finding.status, finding.devices) == ("no runner", ())
    assert "without its Vulkan delegate" in finding.note
