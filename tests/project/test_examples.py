"""Every script of examples/ runs as its page says, in order, in an empty folder."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))
LONGEST = 30
NEEDS = {"03": ("02",), "04": ("02",), "05": ("02",), "06": ("02",), "07": ("02",), "08": ("05", "06")}
SAYS = {
    "01": r"bicubic 27\.\d+ dB\nnano-x4 (29|3\d)\.\d+ dB",  # as the shipped weights get better
    "02": r"bundle has onnxruntime-fp32-72x72, openvino-fp32-72x72$",
    "03": r"\(1, 3, 72, 72\) -> \(1, 3, 288, 288\) on CPU in fp32$",
    "04": r"wrote large\.png: \(100, 150\) -> \(400, 600\)$",
    "05": r"openvino-fp32-72x72 pass 1\d\d\.\d dB to the reference\n",
    "06": r"onnxruntime-fp32-72x72 [\d.]+ ms\nopenvino-fp32-72x72 [\d.]+ ms$",
    "07": r"x4 from nano-x4, [0-9a-f]{12}\n(.+\n)+.*lower-dynamic-conv",
    "08": r"report\.html$",
}

Run = Callable[[str], str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a script by its number, once, after what it needs, in one folder; what it printed."""
    for package in ("torch", "onnx", "onnxruntime", "openvino", "jinja2", "matplotlib"):
        pytest.importorskip(package)
    place = tmp_path_factory.mktemp("examples")
    said: dict[str, str] = {}

    def run_once(number: str) -> str:
        for needed in NEEDS.get(number, ()):
            run_once(needed)
        if number not in said:
            script = next(name for name in SCRIPTS if name.startswith(number))
            out = io.StringIO()
            with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
                patch.chdir(place)
                try:
                    runpy.run_path(str(EXAMPLES / script), run_name="__main__")
                except SystemExit as end:
                    assert not end.code, out.getvalue()
            said[number] = out.getvalue()
        return said[number]

    return run_once


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_runs(run: Run, script: str) -> None:
    assert re.search(SAYS[script[:2]], run(script[:2]).strip())


def test_there_are_eight_short_ones_on_the_page() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name[:2] for name in SCRIPTS] == sorted(SAYS) and len(SCRIPTS) == 8
    assert all(f"[{name}]({name})" in page for name in SCRIPTS)
    lengths = {name: len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) for name in SCRIPTS}
    assert not {name: lines for name, lines in lengths.items() if lines >= LONGEST}
