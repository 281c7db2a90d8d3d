"""Pages of text, slides and a chart to evaluate on: `python -m benchmarks.subjects.text_pages FOLDER`, then
`dlgsanet check BUNDLE --data FOLDER`.

Photographs hold no text, and INT8 loses most on it. These pages are set in the font that comes with Pillow; calibration
knows another kind of pages (`export.quantization.drawn_pages`), and none of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dlgsanet.imaging.files import write_picture

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
SENTENCES = (
    "The quick brown fox jumps over the lazy dog; 0123456789 (Sphinx of black quartz, judge my vow!) "
    "Amazingly few discotheques provide jukeboxes."
)
POINTS = ("Sales up by 14 % in the north", "Costs: 3.2 million less than planned", "New plant opens in May 2031")
BARS = ((31, 119, 180), (214, 39, 40), (44, 160, 44), (255, 127, 14), (148, 103, 189))


@dataclass(frozen=True)
class SlideColours:
    """Colours of a slide: `paper` at its top and bottom, of headline, text and boxes; `seed` of its picture."""

    paper: tuple[Colour, Colour]
    headline: Colour
    text: Colour
    boxes: Sequence[Colour]
    seed: int


BLUE = SlideColours(
    ((0, 0, 80), (30, 60, 190)), (255, 255, 0), WHITE, ((220, 30, 30), (0, 160, 60), (250, 160, 0), (120, 0, 160)), 1
)
LIGHT = SlideColours(
    (WHITE, (225, 235, 255)),
    (180, 0, 0),
    (0, 0, 60),
    ((255, 220, 0), (0, 200, 255), (255, 120, 120), (140, 255, 140)),
    2,
)
DARK = SlideColours((BLACK, BLACK), (0, 255, 255), WHITE, ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 0, 255)), 3)


def text_pages() -> Mapping[str, NDArray[np.uint8]]:
    """Name -> page (H, W, 3), about 640 x 480. The same bytes wherever Pillow and its FreeType are the same."""
    pages = {
        "paper-12": _page(WHITE, BLACK, 12),
        "paper-20": _page(WHITE, BLACK, 20),
        "night-16": _page(BLACK, WHITE, 16),
        "blue-28": _page((0, 0, 150), (255, 255, 0), 28),
        "red-18": _page((250, 240, 230), (200, 0, 0), 18),
        "slide-blue": _slide(BLUE),
        "slide-light": _slide(LIGHT),
        "slide-dark": _slide(DARK),
        "chart": _chart(),
    }
    return {name: np.array(page) for name, page in pages.items()}


def _page(paper: Colour, ink: Colour, size: int) -> Image.Image:
    page = Image.new("RGB", (640, 480), paper)
    _paragraph(ImageDraw.Draw(page), (20, 16, 620, 470), size, ink)
    return page


def _paragraph(draw: ImageDraw.ImageDraw, box: Box, size: int, ink: Colour) -> None:
    """Fill a box with lines of words."""
    font, place, top, words = ImageFont.load_default(size), 0, box[1], SENTENCES.split()
    while top + size * 1.3 < box[3]:
        line = words[place % len(words)]
        place += 1
        while draw.textlength(f"{line} {words[place % len(words)]}", font=font) < box[2] - box[0]:
            line += f" {words[place % len(words)]}"
            place += 1
        draw.text((box[0], top), line, fill=ink, font=font)
        top += int(size * 1.3)


def _slide(look: SlideColours) -> Image.Image:
    """A headline, three points, four boxes, a picture and small print on a shaded backdrop."""
    down = np.linspace(0, 1, 528)[:, None, None]
    paper = np.array(look.paper[0]) * (1 - down) + np.array(look.paper[1]) * down
    page = Image.fromarray(np.broadcast_to(paper, (528, 656, 3)).astype(np.uint8))
    draw, small, large = ImageDraw.Draw(page), ImageFont.load_default(14), ImageFont.load_default(24)
    draw.text((40, 24), "Quarterly results and outlook", font=ImageFont.load_default(38), fill=look.headline)
    draw.line((40, 76, 616, 76), fill=look.headline, width=3)
    for place, point in enumerate(POINTS):
        draw.ellipse((44, 100 + place * 44, 56, 112 + place * 44), fill=look.boxes[place])
        draw.text((70, 92 + place * 44), point, font=large, fill=look.text)
    for place, colour in enumerate(look.boxes):
        left = 40 + place * 150
        draw.rectangle((left, 250, left + 130, 330), fill=colour, outline=look.text, width=2)
        draw.text((left + 8, 262), f"Phase {place + 1}", font=large, fill=look.paper[0])
        draw.text((left + 8, 300), "build & test", font=small, fill=look.text)
    blots = np.random.default_rng(look.seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    page.paste(Image.fromarray(blots).resize((220, 160), Image.Resampling.BICUBIC), (40, 350))
    _paragraph(draw, (290, 356, 620, 520), 13, look.text)
    return page


def _chart() -> Image.Image:
    page = Image.new("RGB", (600, 440), WHITE)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for y in range(40, 400, 40):
        draw.line((60, y, 580, y), fill=(200, 200, 200))
        draw.text((12, y - 8), f"{400 - y} ms", font=font, fill=BLACK)
    for place, (colour, height) in enumerate(zip(BARS, (240, 277, 63, 276, 178), strict=True)):
        left = 80 + place * 100
        draw.rectangle((left, 400 - height, left + 60, 400), fill=colour)
        draw.text((left + 4, 380 - height), f"{height}.{place}", font=font, fill=colour)
        draw.text((left, 408), f"tile {64 * (place + 1)}", font=font, fill=BLACK)
    curve = [(60 + 13 * place, 220 + int(120 * np.sin(place / 4))) for place in range(40)]
    draw.line(curve, fill=BLACK, width=2)
    return page


def main(folder: Annotated[Path, typer.Argument(help="Folder to write the pages into, as PNG.")]) -> None:
    """Draw the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in text_pages().items():
        write_picture(folder / f"{name}.png", page)


if __name__ == "__main__":
    typer.run(main)
