from __future__ import annotations

from dataclasses import replace

import pytest

from dlgsanet.checkpoints.checkpoint import read_checkpoint
from dlgsanet.checkpoints.front_matter import CardFacts, front_matter, scores_in

FACTS = CardFacts("nano: x4", 4, "Apache-2.0", {"Set5": (31.65, 0.8877), "B100": (27.34, 0.7282)})


def test_programs_read_library_task_and_scores() -> None:
    yaml = pytest.importorskip("yaml")
    text = front_matter(FACTS)
    assert text.startswith("---\n") and text.endswith("\n---\n")
    found = yaml.safe_load(text.strip("-\n"))
    assert (found["library_name"], found["pipeline_tag"], found["license"]) == (
        "dlgsanet-edge",
        "image-to-image",
        "apache-2.0",
    )
    (index,) = found["model-index"]
    assert index["name"] == "nano: x4" and [it["dataset"]["name"] for it in index["results"]] == ["Set5", "B100"]
    assert [(it["type"], it["value"]) for it in index["results"][0]["metrics"]] == [("psnr", 31.65), ("ssim", 0.8877)]
    assert index["results"][0]["task"]["type"] == "image-to-image"


def test_a_licence_of_other_words_is_called_other_and_kept() -> None:
    yaml = pytest.importorskip("yaml")
    said = 'Apache-2.0 for "what is ours"\nin these: weights'
    found = yaml.safe_load(front_matter(replace(FACTS, licence=said)).strip("-\n"))
    assert (found["license"], found["license_name"]) == ("other", said)
    bare = yaml.safe_load(front_matter(replace(FACTS, licence="", scores={})).strip("-\n"))
    assert "license" not in bare and "model-index" not in bare


def test_scores_are_found_in_what_shipped_weights_say_of_themselves() -> None:
    found = scores_in(read_checkpoint("nano-x4").metadata)
    assert found["Set5"] == (31.77, 0.8892) and found["B100"][0] > 27
    assert scores_in({"set5": "good", "other": "31.00 dB / 0.9"}) == {}
