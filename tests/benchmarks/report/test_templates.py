"""The page in a real browser, where there is one: nothing is clipped or runs over, on a screen or a telephone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from benchmarks.report.page import render
from tests.benchmarks.records import result_examples

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# A page beside it looks into it: the report itself lets no script run. Tables may scroll, but not on a wide screen, and
# neither the overview nor what a table is called.
LOOKER = """<!doctype html><title>looking</title>
<iframe id="it" src="report.html" width="{width}" height="900"></iframe>
<pre id="found"></pre><script>
document.getElementById("it").onload = () => {{
  const page = document.getElementById("it").contentDocument, found = [];
  for (const it of page.body.querySelectorAll("*")) {{
    const table = it.parentElement.closest(".scroll");
    const mayRun = table && it.tagName !== "CAPTION" && !table.querySelector(".overview");
    if (mayRun || it.closest("svg, .skip, thead")) continue;
    const box = it.getBoundingClientRect(), wide = it.scrollWidth > it.clientWidth + 1 && it.clientWidth > 0;
    const scrolls = getComputedStyle(it).overflowX === "auto" && {width} < 1000 && !it.querySelector(".overview");
    if (box.right > {width} + 0.5 || box.left < -0.5 || (wide && !scrolls))
      found.push([it.tagName, it.className, it.textContent.trim().slice(0, 40)]);
  }}
  const root = page.documentElement;
  document.getElementById("found").textContent = JSON.stringify({{width: root.scrollWidth, found}});
}};
</script>"""


def look(folder: Path, page: str, width: int) -> dict[str, object]:
    """What runs over at this width."""
    assert BROWSER is not None
    (folder / "report.html").write_text(page, encoding="utf-8")
    (folder / "looker.html").write_text(LOOKER.format(width=width), encoding="utf-8")
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--hide-scrollbars")
    place = (f"--user-data-dir={folder / 'profile'}", f"--window-size={width + 100},1000", "--virtual-time-budget=5000")
    done = subprocess.run(
        [BROWSER, *flags, *place, "--dump-dom", (folder / "looker.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    told = re.search(r'<pre id="found">(.+?)</pre>', done.stdout)
    assert told is not None, done.stderr[-2000:]
    answer: dict[str, object] = json.loads(told[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
    return answer


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [1400, 400])
def test_nothing_runs_over(tmp_path: Path, width: int) -> None:
    page = render(result_examples.two_machines())
    named = page.replace(">Board<", f">{'Board' * 8}<").replace('"Board"', f'"{"Board" * 8}"')
    assert look(tmp_path, named if width < 1000 else page, width) == {"width": width, "found": []}


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_what_runs_over_is_seen(tmp_path: Path) -> None:
    wide = render(result_examples.two_machines()).replace("<main>", '<main><p style="width: 30rem">wide</p>')
    found = look(tmp_path, wide, 400)
    assert found["found"] and found["width"] != 400
