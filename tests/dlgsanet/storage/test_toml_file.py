from __future__ import annotations

from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from dlgsanet.storage.toml_file import read_toml


def test_tables(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[check]\nthreads = 2\n")
    assert read_toml(tmp_path / "a.toml") == {"check": {"threads": 2}}


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_what_editors_of_windows_write(tmp_path: Path, before: bytes, end: bytes) -> None:
    (tmp_path / "a.toml").write_bytes(before + b"[check]" + end + b"data = '''a" + end + b"b'''" + end)
    assert read_toml(tmp_path / "a.toml") == {"check": {"data": "a\nb"}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a = \nb = 1", "expected TOML in .*line 1"),
        (b"a = '\xff'", "save it as UTF-8"),
        (b"\xff\xfea\x00", "save it as UTF-8"),
        (b"a = 1\na = 2", "expected TOML"),
        (b"a = " + b"1" * 5000, "expected TOML"),
        (b"a = " + b"[" * 100_000, "expected TOML|nested without end"),
        (b"a = " + b"[" * 20 + b"]" * 20, "nested without end"),
        (b".".join([b"a"] * 5000) + b" = 1", "nested without end"),
        (b'a = "b\\u0000c"', r"a NUL character in 'b\\x00c'"),
        (b'a = "\\ud800"', "expected TOML"),
        (b"a" * (2 << 20), "larger than 1 MiB"),
    ],
)
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_toml(tmp_path / "a.toml")
