"""The reference network against vectors of the official one, and over sizes, batches and precisions."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlgsanet.checkpoints import load_model
from dlgsanet.errors import InputError
from dlgsanet.network.attention import SparseGSA, window_starts
from dlgsanet.network.config import ACTIVATIONS, ModelConfig, named_config
from dlgsanet.network.model import DLGSANet
from dlgsanet.network.official_form import official_form

TOLERANCE = 2e-5
VECTORS = {"small-x4": "relu", "small-x3": "relu", "softmax-static-x2": "softmax"}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", VECTORS)
def test_conformance_vectors(conformance: Path, name: str, suffix: str) -> None:
    model = load_model(conformance / f"{name}{suffix}", activation=VECTORS[name])
    vectors = np.load(conformance / f"{name}.npz")
    cases = [key for key in vectors.files if key.startswith("lr")]
    assert len(cases) >= 2
    for key in cases:
        model.train(key == "lr_train")
        with torch.no_grad():
            sr = model(torch.from_numpy(vectors[key])).numpy()
        assert np.abs(sr - vectors["sr" + key[2:]]).max() < TOLERANCE, key


def test_a_planted_fault_breaks_conformance(conformance: Path) -> None:
    model = load_model(conformance / "small-x4.pth")
    vectors = np.load(conformance / "small-x4.npz")
    with torch.no_grad():
        model.deep_feature_extraction[0].body[0].IDynamicDWConv.conv.conv2[0].bias.mul_(1.01)
        sr = model(torch.from_numpy(vectors["lr_1"])).numpy()
    assert np.abs(sr - vectors["sr_1"]).max() > TOLERANCE


def small(scale: int = 4, **changes: object) -> DLGSANet:
    torch.manual_seed(0)
    return DLGSANet(ModelConfig(12, 1, 1, scale, **changes)).eval()  # type: ignore[arg-type]


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 3), st.integers(1, 60), st.integers(1, 60), st.sampled_from([2, 3, 4]))
def test_any_batch_and_size(batch: int, height: int, width: int, scale: int) -> None:
    model = small(scale)
    lr = torch.rand(batch, 3, height, width)
    with torch.inference_mode():
        sr = model(lr)
        single = torch.cat([model(image[None]) for image in lr])
    assert sr.shape == (batch, 3, height * scale, width * scale)
    assert torch.allclose(sr, single, atol=1e-5)  # a batch is nothing but its images


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dynamic", [True, False])
def test_ablation_switches_change_the_output(activation: str, dynamic: bool) -> None:
    lr = torch.rand(1, 3, 20, 20)
    model, relu = small(activation=activation, dynamic=dynamic), small(dynamic=dynamic)
    with torch.inference_mode():
        same = torch.equal(model(lr), relu(lr))
    assert same == (activation == "relu")


def test_attention_windows_equal_a_direct_loop() -> None:
    torch.manual_seed(1)
    mix = SparseGSA(12, 8, "relu").eval()
    qkv = torch.randn(2, 36, 19, 27)
    total, cover = torch.zeros(2, 12, 19, 27), torch.zeros(19, 27)
    for top in window_starts(19, 8):
        for left in window_starts(27, 8):
            total[..., top : top + 8, left : left + 8] += mix._attend(qkv[..., top : top + 8, left : left + 8])
            cover[top : top + 8, left : left + 8] += 1
    with torch.no_grad():
        assert torch.allclose(mix._attend_in_windows(qkv), total / cover, atol=1e-6)


@given(st.integers(1, 4000), st.integers(1, 96))
def test_windows_cover_the_axis(length: int, window: int) -> None:
    starts = window_starts(length, window)
    k = min(length, window)
    assert starts[0] == 0 and starts[-1] == length - k
    assert all(0 < b - a <= k for a, b in pairwise(starts))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_stays_close_to_fp32(dtype: torch.dtype) -> None:
    model = small().train()
    lr = torch.rand(2, 3, 24, 20)
    full = model(lr)
    with torch.autocast("cpu", dtype):
        low = model(lr)
    low.float().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert (full - low.float()).abs().max() < 0.02


def test_channels_last_gives_the_same() -> None:
    model, lr = small(), torch.rand(1, 3, 30, 21)
    with torch.inference_mode():
        plain = model(lr)
        other = model.to(memory_format=torch.channels_last)(lr.to(memory_format=torch.channels_last))
    assert torch.allclose(plain, other, atol=1e-5)


@pytest.mark.slow
def test_under_torch_compile() -> None:
    model, lr = small(), torch.rand(1, 3, 24, 24)
    with torch.no_grad():
        assert torch.allclose(torch.compile(model, fullgraph=True)(lr), model(lr), atol=1e-5)


def test_official_form_is_the_same_function() -> None:
    model, lr = small(), torch.rand(2, 3, 17, 23)
    with torch.inference_mode():
        assert torch.allclose(official_form(model)(lr), model(lr), atol=1e-5)
    with pytest.raises(InputError, match="static"):
        official_form(small(dynamic=False))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((24, 2, 2, 5), "scale"),
        ((25, 2, 2, 4), "channels"),
        ((24, 0, 2, 4), "group"),
        ((24, 1, 1, 4, True, "rleu"), "relu"),
    ],
)
def test_impossible_configurations(arguments: tuple[int, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ModelConfig(*arguments)


def test_variant_names() -> None:
    assert named_config("tiny", 4).variant == "tiny"
    assert ModelConfig(24, 2, 1, 4).variant == "c24g2b1"
    with pytest.raises(InputError, match="did you mean tiny"):
        named_config("tinny", 4)
