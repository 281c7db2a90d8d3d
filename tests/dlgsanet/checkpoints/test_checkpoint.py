"""Checkpoints: every container users have, configuration from shapes, and refusal of everything else."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from dlgsanet.checkpoints import WEIGHTS, build_model, load_model, read_checkpoint, save_checkpoint, shipped_names
from dlgsanet.checkpoints.checkpoint import MODELSPEC, SAME_TENSORS
from dlgsanet.errors import InputError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet

CONFIG = ModelConfig(18, 2, 1, 3)


def containers(state: dict[str, Tensor]) -> dict[str, Any]:
    other = {key: torch.zeros_like(value) for key, value in state.items()}
    return {
        "bare": state,
        "params": {"params": state},
        "params_ema": {"params": other, "params_ema": state},
        "module": {f"module.{key}": value for key, value in state.items()},
        "half": {key: value.half() for key, value in state.items()},
    }


@pytest.mark.parametrize("kind", ["bare", "params", "params_ema", "module", "half"])
def test_pth_containers(tmp_path: Path, state: dict[str, Tensor], kind: str) -> None:
    torch.save(containers(state)[kind], tmp_path / "model.pth")
    checkpoint = read_checkpoint(tmp_path / "model.pth")
    assert checkpoint.config == CONFIG
    assert all(torch.allclose(checkpoint.state[key], value, atol=1e-3) for key, value in state.items())


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(12, 1, 1, 2),
        ModelConfig(90, 1, 1, 4),
        ModelConfig(24, 3, 2, 3),
        ModelConfig(24, 1, 2, 4, dynamic=False),
    ],
)
def test_configuration_follows_from_shapes(tmp_path: Path, config: ModelConfig) -> None:
    save_file(DLGSANet(config).state_dict(), tmp_path / "model.safetensors")
    assert read_checkpoint(tmp_path / "model.safetensors").config == config


def test_save_and_load_keep_weights_metadata_and_activation(tmp_path: Path) -> None:
    model = DLGSANet(CONFIG.with_activation("sigmoid"))
    save_checkpoint(tmp_path / "a.safetensors", model, {"training_data": "three photographs", "licence": "CC0"})
    checkpoint = read_checkpoint(tmp_path / "a.safetensors")
    assert checkpoint.config.activation == "sigmoid"
    assert checkpoint.metadata["training_data"] == "three photographs" and checkpoint.metadata["scale"] == "3"
    loaded = build_model(checkpoint)
    assert not loaded.training
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in loaded.state_dict().items())
    assert read_checkpoint(tmp_path / "a.safetensors", activation="sigmoid").config.activation == "sigmoid"


def test_another_activation_than_the_file_says_is_refused() -> None:
    """It would be another network, which would then be the reference of every check."""
    with pytest.raises(
        InputError, match=r"expected relu, which nano-x4\.safetensors says .* found softmax: leave it out"
    ):
        read_checkpoint("nano-x4", activation="softmax")


def test_the_activation_of_a_file_that_does_not_say_it_is_taken(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "x.pth")
    read = read_checkpoint(tmp_path / "x.pth", activation="gelu")
    assert read.config.activation == "gelu" and not read.notes


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    metadata = {f"key {index}": "é" for index in range(12)}  # safetensors itself orders these at random
    model = DLGSANet(CONFIG)
    for name in ("a", "b"):
        save_checkpoint(tmp_path / f"{name}.safetensors", model, metadata)
    assert read_checkpoint(tmp_path / "a.safetensors").metadata["key 3"] == "é"
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_pickled_code_is_refused_and_not_executed(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",)

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"params": Evil()}))
    torch.save({"params": Evil()}, tmp_path / "evil-zip.pth")
    for name in ("evil.pth", "evil-zip.pth"):
        with pytest.raises(InputError, match="refused"):
            read_checkpoint(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"\x80", b"not a checkpoint", b"PK\x03\x04 half", b"\xff" * 64])
def test_damaged_files(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [({1: torch.zeros(1)}, "found 1"), ({"params": {}}, "found nothing"), (torch.zeros(1), "found Tensor")],
)
def test_what_holds_no_named_tensors_is_refused(tmp_path: Path, content: object, words: str) -> None:
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(InputError, match=words):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_truncated_files(tmp_path: Path, state: dict[str, Tensor], suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("missing", "missing deep_feature_extraction.2.bias"),
        ("extra", "unexpected stray.weight"),
        ("shape", r"mis-shaped deep_feature_extraction.2.bias \(7,\) instead of \(18,\)"),
        ("other", "another network"),
        ("nan", "non-finite values in upsample.0.bias"),
        ("index", "consecutive"),
        ("whole", r"upsample.0.bias \(int64\)"),
    ],
)
def test_wrong_keys_are_named(tmp_path: Path, state: dict[str, Tensor], change: str, words: str) -> None:
    if change == "missing":
        del state["deep_feature_extraction.2.bias"]
    elif change == "extra":
        state["stray.weight"] = torch.zeros(1)
    elif change == "shape":
        state["deep_feature_extraction.2.bias"] = torch.zeros(7)
    elif change == "nan":
        state["upsample.0.bias"] = torch.full((27,), torch.nan)
    elif change == "whole":
        state["upsample.0.bias"] = torch.zeros(27, dtype=torch.int64)
    elif change == "index":
        state["deep_feature_extraction.99999999.body.0.x"] = torch.zeros(1)
    else:
        state = {"conv_first.weight": torch.zeros(3)}
    save_file(state, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match=words):
        read_checkpoint(tmp_path / "x.safetensors")


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check the path"):
        load_model(tmp_path / "none.pth")
    with pytest.raises(InputError, match="shipped model"):
        load_model("nanoo-x4")


def test_an_assumed_activation_is_said(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "x.pth")
    with pytest.warns(UserWarning, match=r"x\.pth does not say its attention's activation: relu is assumed"):
        load_model(tmp_path / "x.pth")
    assert read_checkpoint(tmp_path / "x.pth", "softmax").notes == ()
    save_checkpoint(tmp_path / "y.safetensors", DLGSANet(CONFIG), {})
    assert read_checkpoint(tmp_path / "y.safetensors").notes == ()


def test_a_file_may_be_called_anything_and_a_folder_is_none(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save({"params": state}, tmp_path / "weights")
    assert read_checkpoint(tmp_path / "weights").config == CONFIG
    with pytest.raises(InputError, match="found something else"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_checkpoints_load_and_describe_themselves(name: str) -> None:
    checkpoint = read_checkpoint(name)
    assert f"{checkpoint.config.variant}-x{checkpoint.config.scale}" == name
    assert {"training_data", "licence", "set5", "b100", "steps"} <= checkpoint.metadata.keys()


@pytest.mark.parametrize("name", shipped_names())
def test_a_file_that_got_its_modelspec_later_is_the_one_that_was_measured(name: str) -> None:
    content = (WEIGHTS / f"{name}.safetensors").read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    said = header["__metadata__"]
    if SAME_TENSORS not in said:
        assert f"{MODELSPEC}title" in said or name == "tiny-x2"  # whose next training writes it
        return
    assert said[f"{MODELSPEC}title"] == f"DLGSANet {name.replace('-', ' ')}"
    header["__metadata__"] = {
        key: value for key, value in said.items() if not key.startswith(MODELSPEC) and key != SAME_TENSORS
    }
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    before = len(text).to_bytes(8, "little") + text + content[end:]
    assert hashlib.sha256(before).hexdigest() == said[SAME_TENSORS]


def test_there_is_a_shipped_nano() -> None:
    assert "nano-x4" in shipped_names()
