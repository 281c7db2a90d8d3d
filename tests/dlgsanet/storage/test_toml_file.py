from __future__ import annotations

from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from dlgsanet.storage.toml_file import read_toml


def test_tables(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[check]\nthreads = 2\n")
    assert read_toml(tmp_path / "a.toml") == {"check": {"threads": 2}}


@pytest.mark.parametrize(
    ("content", "words"), [(b"a = \nb = 1", "expected TOML in .*line 1"), (b"a = '\xff'", "cannot read")]
)
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_toml(tmp_path / "a.toml")
