"""`from_pretrained` and `save_pretrained`, as on the Hugging Face Hub: a folder or a repository with `config.json`,
`model.safetensors` and a card. Needs the extra `hub`.

    model = PretrainedDLGSANet.of("nano-x4")
    model.save_pretrained("nano-x4")
    model = PretrainedDLGSANet.from_pretrained("nano-x4")
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from huggingface_hub import PyTorchModelHubMixin, hf_hub_download

from dlgsanet.checkpoints.checkpoint import Checkpoint, read_checkpoint, save_checkpoint
from dlgsanet.checkpoints.front_matter import LIBRARY, TASK, CardFacts, front_matter, scores_in
from dlgsanet.errors import InputError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.atomic import write_text

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
CARD_FILE = "README.md"


class PretrainedDLGSANet(  # type: ignore[call-arg]
    DLGSANet,
    PyTorchModelHubMixin,  # type: ignore[misc]
    library_name=LIBRARY,
    pipeline_tag=TASK,
    tags=["super-resolution"],
):
    """The reference network with the Hub's two verbs; its arguments are the members of `config.json`."""

    def __init__(
        self, channels: int, groups: int, blocks: int, scale: int, dynamic: bool = True, activation: str = "relu"
    ) -> None:
        super().__init__(ModelConfig(channels, groups, blocks, scale, dynamic, activation))
        self.title, self.metadata = "", dict[str, str]()

    @classmethod
    def of(cls, name_or_path: str | Path) -> PretrainedDLGSANet:
        """A shipped name or a checkpoint's file. Raises InputError."""
        return cls._built(read_checkpoint(name_or_path))

    @classmethod
    def _built(cls, checkpoint: Checkpoint) -> PretrainedDLGSANet:
        model = cls(**asdict(checkpoint.config))
        model.load_state_dict(dict(checkpoint.state), strict=True)
        model.eval().requires_grad_(False)
        model.title, model.metadata = checkpoint.name, dict(checkpoint.metadata)
        return model

    def _save_pretrained(self, save_directory: Path) -> None:
        name = self.title or f"{self.config.variant}-x{self.scale}"
        save_checkpoint(save_directory / WEIGHTS_FILE, self, self.metadata)
        write_text(save_directory / CONFIG_FILE, json.dumps(asdict(self.config), indent=2) + "\n")
        write_text(save_directory / CARD_FILE, hub_card(name, self.config, self.metadata))

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        map_location: str = "cpu",
        strict: bool = True,
        **config: Any,
    ) -> PretrainedDLGSANet:
        """Reads safetensors alone. Raises InputError for weights that are not those of `config.json`."""
        file = Path(model_id) / WEIGHTS_FILE
        if not Path(model_id).is_dir():
            file = Path(
                hf_hub_download(
                    repo_id=model_id, filename=WEIGHTS_FILE, revision=revision, cache_dir=cache_dir,
                    force_download=force_download, token=token, local_files_only=local_files_only,
                )
            )  # fmt: skip
        checkpoint = read_checkpoint(file, config.get("activation"))
        found = asdict(checkpoint.config)
        if wrong := [key for key, value in config.items() if found.get(key, value) != value]:
            raise InputError(
                f"{CONFIG_FILE} of {model_id} says {wrong[0]} {config[wrong[0]]}, its weights are of "
                f"{found[wrong[0]]}: get both from one place"
            )
        model = cls._built(checkpoint)
        model.title = Path(model_id).name
        return model.to(map_location)


def hub_card(name: str, config: ModelConfig, metadata: dict[str, str]) -> str:
    """The page beside the weights."""
    facts = CardFacts(name, config.scale, metadata.get("licence", ""), scores_in(metadata))
    rows = "".join(f"| {title} | {psnr_db:.2f} | {ssim:.4f} |\n" for title, (psnr_db, ssim) in facts.scores.items())
    table = f"| images | PSNR, dB | SSIM |\n|---|---|---|\n{rows}\n" if rows else ""
    told = "".join(
        f"- **{key.replace('_', ' ')}:** {metadata[key]}\n"
        for key in ("training_data", "recipe", "licence")
        if key in metadata
    )
    return (
        f"{front_matter(facts)}# {name}\n"
        f"DLGSANet {config.variant} x{config.scale} (arXiv 2301.02031): RGB in [0, 1], NCHW, any size from 1x1.\n\n"
        f"{table}"
        "```python\n"
        "from dlgsanet.checkpoints.hub import PretrainedDLGSANet\n\n"
        f'model = PretrainedDLGSANet.from_pretrained("{name}")\n'
        "```\n"
        f"{told}"
    )
