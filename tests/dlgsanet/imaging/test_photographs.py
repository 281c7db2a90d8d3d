from __future__ import annotations

from dlgsanet.imaging.photographs import FOLDER, PHOTOGRAPHS


def test_the_photographs_ship_small_with_their_terms_and_fit_every_scale() -> None:
    terms = (FOLDER / "README.md").read_text(encoding="utf-8")
    for photograph in PHOTOGRAPHS:
        assert not any(side % 12 for side in photograph.read().shape[:2])
        assert f"`{photograph.name}.png`" in terms and photograph.licence in terms
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1 << 20
    assert {path.stem for path in FOLDER.glob("*.png")} == {photograph.name for photograph in PHOTOGRAPHS}
