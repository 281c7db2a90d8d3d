"""What a state must be: plain, of this network, whole. Nothing large is built or computed to find out."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from dlgsanet.checkpoints.fit import expected_shapes, infer_config, require_plain, require_whole
from dlgsanet.errors import InputError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize(
    "config",
    [ModelConfig(12, 1, 1, 2), ModelConfig(24, 3, 2, 3), ModelConfig(18, 2, 4, 4, dynamic=False)],
)
def test_expected_names_and_shapes_are_the_network_s(config: ModelConfig) -> None:
    built = {key: tuple(value.shape) for key, value in DLGSANet(config).state_dict().items()}
    assert expected_shapes(config) == built


ODD: dict[str, Callable[[Tensor], Tensor]] = {
    "sparse": lambda t: t.to_sparse(),
    "without data": lambda t: t.to("meta"),
    "nested": lambda t: torch.nested.nested_tensor([t, t]),
    "quantized": lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8),
    "complex64": lambda t: t.to(torch.complex64),
    "int64": lambda t: t.to(torch.int64),
    "bool": lambda t: t.to(torch.bool),
    "float8_e4m3fn": lambda t: t.to(torch.float8_e4m3fn),
    "larger than its data": lambda t: t.flatten()[:1].clone().expand(t.numel()).view(t.shape),
}


@pytest.mark.parametrize("kind", ODD)
def test_tensors_that_are_no_plain_floats_are_named(state: dict[str, Tensor], kind: str) -> None:
    require_plain(state, "x.pth")
    state["upsample.0.bias"] = ODD[kind](state["upsample.0.bias"])
    with pytest.raises(InputError, match=rf"upsample\.0\.bias \({kind}\)"):
        require_plain(state, "x.pth")


def test_views_that_together_are_huge_are_refused() -> None:
    shared = torch.zeros(1 << 20)
    with pytest.raises(InputError, match="below 2 GiB"):
        require_plain({str(i): shared for i in range(600)}, "x.pth")


EMPTY = torch.zeros(0)


@pytest.mark.parametrize(
    "names",
    [
        [f"deep_feature_extraction.{g}.body.0.x" for g in range(3000)],
        [f"deep_feature_extraction.0.body.{b}.x" for b in range(3000)],
        [f"deep_feature_extraction.{i}.body.{j}.x" for i in range(60) for j in range(50)],
        [f"deep_feature_extraction.{'9' * 85}.body.0.x"],
        [f"deep_feature_extraction.0.body.{'9' * 6000}.x"],
        ["deep_feature_extraction.\u0663.body.0.x"],
        ["", "\n", "."],
        [*map(str, range(30_000)), "deep_feature_extraction.240.x", "deep_feature_extraction.0.body.240.x"],
    ],
)
def test_names_are_compared_before_a_network_is_built(state: dict[str, Tensor], names: list[str]) -> None:
    begin = time.process_time()
    state |= dict.fromkeys(names, EMPTY)
    with pytest.raises(InputError) as caught:
        require_whole(state, infer_config(state, "relu", "x.pth"), "x.pth")
    assert len(str(caught.value)) < 800
    assert time.process_time() - begin < 1


def test_names_that_nobody_would_see_are_quoted(state: dict[str, Tensor]) -> None:
    state |= {"": EMPTY, " ": EMPTY}
    with pytest.raises(InputError, match=r"unexpected '', ' '$"):
        require_whole(state, infer_config(state, "relu", "x.pth"), "x.pth")


@pytest.mark.parametrize("shape", [(2**40, 3, 0, 3), (0, 3, 3, 3), (2**40, 0, 3, 3), (18, 3, 3), ()])
def test_absurd_shapes_are_another_network_s(state: dict[str, Tensor], shape: tuple[int, ...]) -> None:
    state["overlap_embed.0.proj.weight"] = torch.zeros(shape)
    with pytest.raises(InputError):
        infer_config(state, "relu", "x.pth")
