"""Wrappings that trainers write: read where one network is meant, refused by name where several could be."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from dlgsanet.checkpoints.layouts import find_state
from dlgsanet.errors import InputError

State = dict[str, Any]


def prefixed(prefix: str, state: State) -> State:
    return {prefix + key: value for key, value in state.items()}


def other(state: State) -> State:
    return {key: torch.zeros_like(value) for key, value in state.items()}


ONE: dict[str, Callable[[State], object]] = {
    "bare": lambda s: s,
    "ordered": OrderedDict,
    **{
        slot: lambda s, slot=slot: {slot: s, "epoch": 3}
        for slot in ("params", "params-ema", "state_dict", "model", "net", "model_state_dict", "g_ema", "generator")
    },
    **{
        prefix: lambda s, prefix=prefix: prefixed(prefix, s)
        for prefix in ("module.", "module.module.", "net_g.", "_orig_mod.", "model.net._orig_mod.")
    },
    "lightning": lambda s: {
        "state_dict": prefixed("net.", s),
        "epoch": 3,
        "hyper_parameters": {"lr": 1e-3},
        "optimizer_states": [{"state": {0: {"step": torch.zeros(1)}}}],
    },
    "averaged model": lambda s: {"n_averaged": torch.tensor(7), **prefixed("module.", s)},
    "nested": lambda s: {"checkpoint": {"model": {"ema": {"module": s}}}},
    "twice the same": lambda s: {"model": s, "state_dict": s},
}


@pytest.mark.parametrize("kind", ONE)
def test_one_network_is_found_in_any_wrapping(state: State, kind: str) -> None:
    found = find_state(ONE[kind](state), "x.pth")
    assert found.state == state and found.notes == ()


AVERAGES: dict[str, Callable[[State, State], object]] = {
    "params_ema": lambda s, o: {"params": o, "params_ema": s},
    "g_ema": lambda s, o: {"g": o, "d": {"conv.weight": torch.zeros(1)}, "g_ema": s},
    "state_dict_ema": lambda s, o: {"state_dict": prefixed("module.", o), "state_dict_ema": prefixed("module.", s)},
    "ema_model": lambda s, o: {**prefixed("online_model.", o), **prefixed("ema_model.", s)},
    "modelEma": lambda s, o: {"model": o, "modelEma": s},
    "bare": lambda s, o: {**o, **prefixed("ema.", s)},
    "n_averaged": lambda s, o: {"model": o, "second": {"n_averaged": torch.tensor(1), **prefixed("module.", s)}},
    "training state": lambda s, o: {"model": o, "average": s, "config": {}},
}


@pytest.mark.parametrize("kind", AVERAGES)
def test_the_moving_average_is_preferred_and_said(state: State, kind: str) -> None:
    found = find_state(AVERAGES[kind](state, other(state)), "x.pth")
    assert {key: found.state[key] for key in state} == state
    assert "the moving average" in found.notes[0]


SEVERAL: dict[str, tuple[Callable[[State], object], str]] = {
    "bare and module.": (lambda s: {**s, **prefixed("module.", s)}, "found bare names, module"),
    "once and twice": (lambda s: {**prefixed("module.", s), **prefixed("module.module.", s)}, "module.module"),
    "two slots": (lambda s: {"g": s, "generator": other(s)}, "found g, generator"),
    "two averages": (lambda s: {"params_ema": s, "params-ema": other(s)}, "found params_ema, params-ema"),
    "one name twice": (
        lambda s: {**prefixed("module.", s), "upsample.0.bias": s["upsample.0.bias"]},
        "found both upsample.0.bias and module.upsample.0.bias",
    ),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_what_is_ambiguous_is_refused_by_name(state: State, kind: str) -> None:
    build, words = SEVERAL[kind]
    with pytest.raises(InputError, match=words):
        find_state(build(state), "x.pth")


def test_tensors_beside_the_network_are_left_out_and_said(state: State) -> None:
    found = find_state({**prefixed("net_g.", state), "net_d.0.weight": torch.zeros(2)}, "x.pth")
    assert found.state == state
    assert found.notes == ("x.pth: left out 1 tensors beside net_g.* (net_d.0.weight)",)


def test_dicts_that_hold_one_another_end(state: State) -> None:
    tree: dict[str, Any] = {}
    tree["a"] = tree["b"] = tree
    wide: object = state
    for _ in range(5):
        wide = dict.fromkeys("abcdefgh", wide)
    assert find_state(wide, "x.pth").state == state
    with pytest.raises(InputError):
        find_state(tree, "x.pth")


def test_names_of_other_networks_are_cut(state: State) -> None:
    odd: dict[str, Tensor] = {"a\nb\x1b[31m" + "x" * 10**6: torch.zeros(1)}
    with pytest.raises(InputError, match="another network") as caught:
        find_state(odd, "x.pth")
    assert len(str(caught.value)) < 400 and "\x1b" not in str(caught.value)
