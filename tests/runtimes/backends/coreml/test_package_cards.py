from __future__ import annotations

from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from runtimes.backends.coreml.package_cards import package_cards
from tests.benchmarks.bundles import make_bundle


def test_a_bundle_without_packages_says_what_it_has(tmp_path: Path) -> None:
    place = make_bundle(tmp_path / "b")
    with pytest.raises(InputError, match=r"holds no Core ML package \(it has fake\): export it with --to coreml"):
        package_cards(place, "coreml")
