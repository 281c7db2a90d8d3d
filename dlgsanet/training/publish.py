"""Give a trained checkpoint its card: scores, origin and terms in the file itself, on a page, and in one picture.

`python -m dlgsanet.training.publish runs/nano-x4/final.safetensors -o dlgsanet/weights/nano-x4.safetensors ...`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dlgsanet.checkpoints import build_model, read_checkpoint, save_checkpoint
from dlgsanet.checkpoints.front_matter import CardFacts, front_matter
from dlgsanet.errors import EdgeError, InputError
from dlgsanet.imaging.crop_choice import liveliest_box
from dlgsanet.imaging.files import read_rgb8, write_picture
from dlgsanet.imaging.pixels import to_hwc, to_nchw, to_uint8
from dlgsanet.imaging.resize import crop_to_multiple, downscale_matlab8, upscale_bicubic8
from dlgsanet.metrics import psnr
from dlgsanet.network.model import DLGSANet
from dlgsanet.storage.atomic import write_text
from dlgsanet.training.progress.validate import Score, open_validation, validate

PANEL = 192  # HR pixels of a side of each of the three panels
GRID = 16  # the panels' place is a multiple of so many HR pixels
_CAPTION = 18  # pixels above each panel


@dataclass(frozen=True)
class Facts:
    """What a user must know about weights; read from a flat JSON file."""

    training_data: str
    licence: str
    hardware: str
    recipe: str


def read_facts(path: Path) -> Facts:
    """Read the four facts from a JSON object. Raises InputError when one is missing or another is there."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Facts(**{key: str(value) for key, value in content.items()})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        fields = ", ".join(Facts.__dataclass_fields__)
        raise InputError(f"expected a JSON object with {fields} in {path}, found: {error}") from error


def metadata(facts: Facts, trained: Mapping[str, str], scores: Mapping[str, Score]) -> dict[str, str]:
    """What goes inside the safetensors file."""
    figures = {name.lower(): f"{score.psnr_db:.2f} dB / {score.ssim:.4f}" for name, score in scores.items()}
    run = {key: trained[key] for key in ("steps", "seconds") if key in trained}
    return {**run, "training_data": facts.training_data, "licence": facts.licence, "hardware": facts.hardware,
            "recipe": facts.recipe, **figures}  # fmt: skip


def card(name: str, model: DLGSANet, described: Mapping[str, str], scores: Mapping[str, Score]) -> str:
    """The page beside the weights, in Markdown."""
    config = model.config
    count = sum(p.numel() for p in model.parameters())
    rows = "\n".join(f"| {title} | {score.psnr_db:.2f} | {score.ssim:.4f} |" for title, score in scores.items())
    hours = f"{float(described['seconds']) / 3600:.1f}" if "seconds" in described else "unknown"
    figures = {title: (score.psnr_db, score.ssim) for title, score in scores.items()}
    return (
        f"{front_matter(CardFacts(name, config.scale, described['licence'], figures))}# {name}\n"
        f"DLGSANet {config.variant} x{config.scale}: C={config.channels}, G={config.groups}, B={config.blocks}, "
        f"{count:,} parameters, {config.activation} attention.\n\n"
        f"![HR, bicubic, {name}]({name}.png)\n\n"
        "| images | PSNR, dB | SSIM |\n|---|---|---|\n"
        f"{rows}\n\n"
        "Y channel of BT.601, 8 bits, border = scale, LR by the exact MATLAB-style bicubic; "
        "whole images in torch fp32.\n\n"
        f"- **Training data:** {described['training_data']}\n"
        f"- **Recipe:** {described['recipe']}; {described.get('steps', 'unknown')} steps, {hours} hours "
        f"on {described['hardware']}\n"
        f"- **Licence:** {described['licence']}\n"
    )


@torch.inference_mode()
def panels(model: DLGSANet, photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """HR, bicubic and the model side by side, the liveliest square of the picture, with captions."""
    scale = model.scale
    hr = np.ascontiguousarray(crop_to_multiple(photograph, scale)).astype(np.uint8, copy=False)
    lr = downscale_matlab8(hr, scale)
    sr = to_uint8(to_hwc(model(torch.from_numpy(to_nchw(lr))).numpy()))
    cubic = upscale_bicubic8(lr, scale)
    if min(hr.shape[:2]) < PANEL:
        raise InputError(f"expected a picture of at least {PANEL}x{PANEL} pixels, found {hr.shape[1]}x{hr.shape[0]}")
    top, left, _, _ = liveliest_box(hr, PANEL, GRID)
    sheet = Image.new("RGB", (3 * PANEL + 20, PANEL + _CAPTION), "white")
    named = {"HR": hr, f"bicubic {_db(cubic, hr, scale)}": cubic, f"this model {_db(sr, hr, scale)}": sr}
    for place, (caption, pixels) in enumerate(named.items()):
        cut = np.ascontiguousarray(pixels[top : top + PANEL, left : left + PANEL])
        sheet.paste(Image.fromarray(cut), (place * (PANEL + 10), _CAPTION))
        ImageDraw.Draw(sheet).text((place * (PANEL + 10), 3), caption, fill="black")
    return np.asarray(sheet)


def _db(pixels: NDArray[np.uint8], hr: NDArray[np.uint8], scale: int) -> str:
    return f"{psnr(pixels, hr, border=scale):.2f} dB"


def main(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint that a run wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Weights to write; card and picture lie beside them.")],
    facts: Annotated[Path, typer.Option(help="JSON: training_data, licence, hardware, recipe.")],
    picture: Annotated[Path, typer.Option(help="Photograph for the side-by-side picture.")],
    benchmark: Annotated[list[Path], typer.Option(help="Folder with HR images; repeat for each set.")],
) -> None:
    """Score a checkpoint and write weights, card and picture."""
    known = read_facts(facts)
    source = read_checkpoint(checkpoint)
    model = build_model(source)
    scores = {folder.name: validate(model, open_validation(folder, model.scale)) for folder in benchmark}
    described = metadata(known, source.metadata, scores)
    save_checkpoint(output, model, described)
    write_text(output.with_suffix(".md"), card(output.stem, model, described, scores))
    write_picture(output.with_suffix(".png"), panels(model, read_rgb8(picture)))


if __name__ == "__main__":
    try:
        typer.run(main)
    except EdgeError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from None
