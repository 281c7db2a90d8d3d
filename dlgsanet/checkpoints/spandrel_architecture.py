"""DLGSANet as an architecture of spandrel, so that what loads networks by it (chaiNNer, ComfyUI) loads ours.

    from dlgsanet.checkpoints.spandrel_architecture import install
    install()
    model = spandrel.ModelLoader().load_from_file("nano-x4.safetensors")

spandrel sees tensors alone and no metadata, so that the attention's activation is the paper's ReLU, which all shipped
weights have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spandrel import MAIN_REGISTRY, Architecture, ArchRegistry, ArchSupport, ImageModelDescriptor
from spandrel.util import KeyCondition

from dlgsanet.checkpoints.fit import infer_config, require_plain, require_whole
from dlgsanet.checkpoints.layouts import MARKER
from dlgsanet.network.config import ACTIVATIONS
from dlgsanet.network.model import DLGSANet

ID = "DLGSANet"


class DlgsanetArchitecture(Architecture):  # type: ignore[misc]
    """Known by the embedding, the last convolution and a local block's norm."""

    def __init__(self) -> None:
        names = (MARKER, "upsample.0.weight", "deep_feature_extraction.0.body.0.norm1.body.weight")
        super().__init__(id=ID, detect=KeyCondition.has_all(*names))

    def load(self, state_dict: Mapping[str, Any]) -> ImageModelDescriptor:
        """Raises InputError for a state that is not whole."""
        require_plain(state_dict, ID)
        config = infer_config(state_dict, ACTIVATIONS[0], ID)
        require_whole(state_dict, config, ID)
        return ImageModelDescriptor(
            DLGSANet(config),
            dict(state_dict),
            architecture=self,
            purpose="SR",
            tags=[config.variant, f"{config.channels}c", f"{config.groups}g", f"{config.blocks}b"],
            supports_half=False,  # its norms leave the range of fp16; export rewrites them for that
            supports_bfloat16=True,
            scale=config.scale,
            input_channels=3,
            output_channels=3,
        )


def install(registry: ArchRegistry = MAIN_REGISTRY) -> None:
    """Add the architecture to a registry, by default to the one that every loader uses; a second time does nothing."""
    registry.add(ArchSupport.from_architecture(DlgsanetArchitecture()), ignore_duplicates=True)
