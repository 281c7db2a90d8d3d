"""`--force` deletes a bundle, of any version and however damaged, and nothing else with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from runtimes.bundle.replaceable import require_bundle_alone, require_outside_bundles


def test_a_bundle_with_its_cards_and_engines_may_go_damaged_or_of_another_version_too(bundle: Path) -> None:
    (bundle / "README.md").write_text("card")
    (bundle / "onnx" / "README.md").write_text("card")
    (bundle / "onnx" / "fp32-16x24.sm87.engine.json").write_text("{}")
    manifest = json.loads((bundle / "manifest.json").read_text()) | {"schema": 99, "of_later": 1}
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    (bundle / "onnx" / "fp32-16x24.onnx").write_bytes(b"torn")
    require_bundle_alone(bundle)


@pytest.mark.parametrize("name", ["notes.txt", "onnx/mine.onnx", "out/picture_x4.png", "sub/manifest.json"])
def test_a_file_besides_is_named(bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("precious")
    with pytest.raises(InputError, match=f"would delete '?{name}.* move it away, or choose another name"):
        require_bundle_alone(bundle)


@pytest.mark.parametrize("name", ["sub", "onnx/sub", "out/deep/picture.png"])
def test_nothing_new_is_put_into_a_bundle(bundle: Path, name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a place outside of bundles"):
        require_outside_bundles(bundle / name)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "manifest.json").write_text('{"name": "my web app"}')
    require_outside_bundles(tmp_path / "web" / name)
    require_outside_bundles(bundle)  # beside others


@pytest.mark.parametrize("text", ['{"name": "my web app"}', "not json", "[]", '{"artifacts": {}, "reference": 1}', ""])
def test_another_manifest_makes_no_bundle(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"holds no manifest\.json of a bundle"):
        require_bundle_alone(tmp_path)


def test_files_of_a_strange_manifest_are_not_believed_beyond_their_names(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"artifacts": [1, {"files": ["thesis.txt"]}], "reference": {"files": 7}}')
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match=r"would delete '?thesis\.txt"):
        require_bundle_alone(tmp_path)
