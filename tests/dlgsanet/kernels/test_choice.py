"""Which form a run takes, and that it is said; the twins keep parameters, names and results."""

from __future__ import annotations

import copy

import pytest
import torch

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.kernels import choice
from dlgsanet.kernels.choice import Choice, apply_kernels, choose_kernels
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def small(dynamic: bool = True) -> DLGSANet:
    torch.manual_seed(0)
    return DLGSANet(ModelConfig(scale=2, channels=24, groups=1, blocks=1, dynamic=dynamic)).train()


def test_a_cpu_takes_the_c_form_and_says_so() -> None:
    assert str(choose_kernels("auto", CPU, "bf16", False)) == "operators: c (fastest on a CPU)"


@pytest.mark.parametrize(
    ("device", "precision", "compiled", "reason"),
    [(CUDA, "bf16", False, "for CPUs"), (CPU, "fp16", False, "in fp16"), (CPU, "fp32", True, "torch.compile")],
)
def test_auto_is_plain_with_the_reason(device: torch.device, precision: str, compiled: bool, reason: str) -> None:
    found = choose_kernels("auto", device, precision, compiled)
    assert found.name == "plain" and reason in found.reason


def test_auto_without_a_compiler_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise UnavailableError("no compiler here")

    monkeypatch.setattr(choice, "load_library", refuse)
    assert choose_kernels("auto", CPU, "fp32", False) == Choice("plain", "no compiler here")
    with pytest.raises(UnavailableError, match="no compiler here"):
        choose_kernels("c", CPU, "fp32", False)


@pytest.mark.parametrize(("wanted", "device"), [("c", CUDA), ("triton", CPU)])
def test_a_form_that_cannot_run_is_refused(wanted: str, device: torch.device) -> None:
    with pytest.raises(InputError, match=f"found '{wanted}'.*set it to auto or plain"):
        choose_kernels(wanted, device, "bf16", False)


@pytest.mark.parametrize("dynamic", [True, False])
def test_twins_keep_parameters_and_results(dynamic: bool) -> None:
    plain = small(dynamic)
    fused = copy.deepcopy(plain)
    before = dict(fused.named_parameters())
    apply_kernels(fused, Choice("c", "for the test"))
    assert {type(module).__name__ for module in fused.modules()} >= {"FusedGDFN", *(["FusedMHDLSA"] if dynamic else [])}
    after = dict(fused.named_parameters())
    assert list(before) == list(after) and all(after[name] is before[name] for name in before)
    lr = torch.rand(2, 3, 12, 10)
    for model in (plain, fused):
        model(lr).square().mean().backward()
    assert torch.allclose(plain(lr), fused(lr), atol=1e-5)
    for (name, ours), (_, theirs) in zip(fused.named_parameters(), plain.named_parameters(), strict=True):
        assert ours.grad is not None and theirs.grad is not None
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-3, atol=1e-5 * float(theirs.grad.abs().max()) + 1e-7), (
            name
        )


def test_plain_changes_nothing() -> None:
    model = small()
    apply_kernels(model, Choice("plain", "for the test"))
    assert not [module for module in model.modules() if type(module).__name__.startswith("Fused")]
