"""What the head of a model card says to programs: YAML, as the Hugging Face Hub reads it.

https://huggingface.co/docs/hub/model-cards has the fields. The text is made of JSON's scalars, which are YAML's, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

LIBRARY = "dlgsanet-edge"
TASK = "image-to-image"
_KNOWN_LICENCES = ("apache-2.0", "mit", "cc-by-4.0", "cc0-1.0", "bsd-3-clause", "gpl-3.0")  # by the Hub's names
_SCORE = re.compile(r"(\d+\.\d+) dB / (\d\.\d+)")
_SETS = {"set5": "Set5", "set14": "Set14", "b100": "B100", "urban100": "Urban100", "manga109": "Manga109"}


@dataclass(frozen=True)
class CardFacts:
    """A network by its name, scale and licence; `scores`: data set -> PSNR in dB and SSIM, of its Y channel."""

    name: str
    scale: int
    licence: str
    scores: Mapping[str, tuple[float, float]]
    tags: tuple[str, ...] = field(default=("super-resolution",))


def scores_in(metadata: Mapping[str, str]) -> dict[str, tuple[float, float]]:
    """The scores that a checkpoint's metadata tell: `set5` -> `31.65 dB / 0.8877`."""
    found = {}
    for key, title in _SETS.items():
        if told := _SCORE.fullmatch(metadata.get(key, "")):
            found[title] = (float(told[1]), float(told[2]))
    return found


def front_matter(facts: CardFacts) -> str:
    """The block between two lines of dashes, with a line's end behind it."""
    licence = facts.licence.strip().lower()
    lines = [f"library_name: {LIBRARY}", f"pipeline_tag: {TASK}"]
    if licence in _KNOWN_LICENCES:
        lines.append(f"license: {licence}")
    elif licence:
        lines += ["license: other", f"license_name: {_text(facts.licence)}"]
    lines.append(f"tags: [{', '.join(map(_text, facts.tags))}]")
    if facts.scores:
        lines += ["model-index:", f"- name: {_text(facts.name)}", "  results:"]
    for title, (psnr_db, ssim) in facts.scores.items():
        lines += [
            f"  - task: {{type: {TASK}, name: {_text(f'Super-resolution x{facts.scale}')}}}",
            f"    dataset: {{type: {_text(title)}, name: {_text(title)}}}",
            "    metrics:",
            f'    - {{type: psnr, name: "PSNR, dB (Y, border {facts.scale})", value: {psnr_db:.2f}}}',
            f'    - {{type: ssim, name: "SSIM (Y, border {facts.scale})", value: {ssim:.4f}}}',
        ]
    return "\n".join(["---", *lines, "---", ""])


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
