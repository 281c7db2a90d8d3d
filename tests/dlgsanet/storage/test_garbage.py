"""Whatever is given in the place of a file that people write or send: exit code 2 and one visible line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dlgsanet.__main__ import main
from dlgsanet.errors import LONGEST_MESSAGE

Make = Callable[[Path], None]


def content(data: bytes) -> Make:
    return lambda place: place.write_bytes(data) and None


def _device(place: Path) -> None:
    place.symlink_to("/dev/zero")


def _loop(place: Path) -> None:
    place.symlink_to(place)


GARBAGE: dict[str, Make] = {
    "nothing": lambda place: None,
    "empty": content(b""),
    "a folder": Path.mkdir,
    "a device": _device,
    "a loop": _loop,
    "NUL": content(b"\0" * 1000),
    "not UTF-8": content(b"\xff\xfe\x00a"),
    "a BOM alone": content(b"\xef\xbb\xbf"),
    "deep": content(b"[" * 200_000),
    "deep objects": content(b'{"a":' * 200_000),
    "half a character": content(b'{"schema": 1, "name": "\\ud800"}'),
    "a long number": content(b'{"schema": ' + b"9" * 100_000 + b"}"),
    "not a number": content(b'{"schema": NaN}'),
    "beyond all range": content(b'{"schema": 1e9999}'),
    "twice": content(b'{"schema": 1, "schema": 1}'),
    "commands": content(b'{"schema": "\\u001b]0;x\\u0007", "\\u202ename": "\\u009b31m"}'),
    "commands, raw": content(b"\x1b]0;x\x07 = \x9b31m\n[\xe2\x80\xae"),
    "a long name": content(b'{"' + b"n" * 300_000 + b'": 1}'),
    "a long line": content(b"[" + b"k" * 300_000 + b"]\na = 1"),
    "a list": content(b"[]"),
    "another table": content(b'["a\\u001b\\u202e"]\nb = 1\n'),
}
if hasattr(os, "mkfifo"):
    GARBAGE["a pipe"] = os.mkfifo

READERS: dict[str, tuple[str, ...]] = {
    "manifest.json": ("verify", "{folder}"),
    "result.json": ("report", "{file}", "-o", "{folder}/page.html"),
    "train.toml": ("train", "{file}", "-o", "{folder}/run", "--cache", "{folder}/cache"),
    "options.toml": ("check", "{folder}", "--options", "{file}"),
}


@pytest.mark.parametrize("kind", GARBAGE)
@pytest.mark.parametrize("name", READERS)
def test_it_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, kind: str) -> None:
    file = tmp_path / name
    GARBAGE[kind](file)
    words = [word.format(folder=tmp_path, file=file) for word in READERS[name]]
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1 and err.startswith("dlgsanet: ")
    assert err[:-1].isprintable() and len(err) < LONGEST_MESSAGE + 20
    assert {path.name for path in tmp_path.iterdir()} <= {name}
