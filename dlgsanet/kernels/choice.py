"""Which form of the operators a training run uses, in words that the run prints: never a silent fallback."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import torch
from torch import nn

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.kernels.channel_attention import channel_attention
from dlgsanet.kernels.compiled.library import load_library
from dlgsanet.kernels.twins import Norms, Operators, fuse


@dataclass(frozen=True)
class Choice:
    """The form that is used, and why it is this one."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"operators: {self.name} ({self.reason})"


def choose_kernels(wanted: str, device: torch.device, precision: str, compiled: bool) -> Choice:
    """The form for a run. Raises InputError or UnavailableError when the one asked for cannot run here."""
    if wanted == "auto":
        return _automatic(device, precision, compiled)
    if reason := _obstacle(wanted, device, precision, compiled):
        raise InputError(f"expected run.kernels that fit the run, found {wanted!r}: {reason}; set it to auto or plain")
    if wanted == "c":
        load_library("gated_conv.c")
    if wanted == "triton" and importlib.util.find_spec("triton") is None:
        raise UnavailableError("run.kernels is triton, and the package triton is not installed: pip install triton")
    return Choice(wanted, "as configured")


def _automatic(device: torch.device, precision: str, compiled: bool) -> Choice:
    if obstacle := _obstacle("c", device, precision, compiled):
        return Choice("plain", obstacle)
    try:
        load_library("gated_conv.c")
    except UnavailableError as error:
        return Choice("plain", str(error))
    return Choice("c", "fastest on a CPU")


def _obstacle(name: str, device: torch.device, precision: str, compiled: bool) -> str:
    if name == "plain":
        return ""
    if compiled:
        return "torch.compile cannot see into fused operators"
    if name == "c" and device.type != "cpu":
        return f"the C form is for CPUs, and this run is on {device.type}"
    if name == "c" and precision == "fp16":
        return "the C form knows fp32 and bf16, and this run is in fp16"
    if name == "triton" and device.type != "cuda":
        return f"the Triton form is for CUDA, and this run is on {device.type}"
    return ""


def apply_kernels(model: nn.Module, choice: Choice) -> None:
    """Put the chosen operators into `model`, in place; parameters and their names stay. Plain changes nothing."""
    fuse(model, operators_of(choice.name))


def operators_of(form: str) -> Operators:
    """The fused operators of one of KERNELS but auto. Channel attention needs no compiler: both forms have it."""
    if form == "c":
        from dlgsanet.kernels.compiled.depthwise_conv import depthwise_conv_c
        from dlgsanet.kernels.compiled.dynamic_conv import dynamic_conv_c
        from dlgsanet.kernels.compiled.gated_conv import gated_conv_c
        from dlgsanet.kernels.compiled.layer_norm import added_norm_c, norm_c

        norms = Norms(norm_c, added_norm_c)
        return Operators(dynamic_conv_c, depthwise_conv_c, gated_conv_c, channel_attention, norms)
    if form == "triton":
        from dlgsanet.kernels.dynamic_conv_triton import dynamic_conv_triton

        return Operators(convolve=dynamic_conv_triton, attend=channel_attention)
    return Operators()
