"""A custom node of ComfyUI without nodes: its "Load Upscale Model" knows DLGSANet from then on. Copy this folder into
`custom_nodes`, and install dlgsanet-edge into ComfyUI's Python."""

from dlgsanet.checkpoints.spandrel_architecture import install

install()
NODE_CLASS_MAPPINGS: dict[str, type] = {}
