from __future__ import annotations

import html.parser
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from rich.table import Table

from benchmarks.records.latency import JobRecord, PowerState

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

import itertools

from benchmarks.commands import ReportOptions
from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.inside import BlockRecord, BlockRow
from benchmarks.records.pictures import ErrorMap
from benchmarks.records.result_file import ResultFile, new_result, write_result
from benchmarks.report import terminal_blocks
from benchmarks.report.advice.advise import advise
from benchmarks.report.advice.machines import machines, models
from benchmarks.report.page import render, write_report
from benchmarks.report.page_view import machine_facts, model_view
from dlgsanet.command_line.voice import PLAIN
from dlgsanet.errors import InputError, UnavailableError
from runtimes.runner.fidelity.likeness import Likeness


@pytest.fixture
def examples() -> ModuleType:
    from tests.benchmarks.records import result_examples

    return result_examples


@pytest.fixture(scope="module")
def page_of_two() -> str:
    """The page of two machines, for all tests that only look at it: its charts take seconds."""
    from tests.benchmarks.records import result_examples

    return render(result_examples.two_machines())


class Page(html.parser.HTMLParser):
    """Collects tags with attributes, and the text of table cells and cards."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def crops(page: Page) -> list[str]:
    """What a screen reader says of every crop, in order."""
    return [attrs["aria-label"] or "" for tag, attrs in page.tags if tag == "svg" and attrs.get("class") == "crop"]


def test_differences_between_machines_are_marked(examples: ModuleType) -> None:
    facts = {fact.name: fact for fact in machine_facts(machines(examples.two_machines()))}
    assert facts["openvino"].values == ("2026.4.1", "-") and facts["openvino"].differs
    assert not facts["Python"].differs


def test_numbers_of_two_protocols_never_share_a_table(examples: ModuleType) -> None:
    first = examples.accuracy("a-fp32-128x128")
    second = replace(first, protocol=first.protocol.replace("/r8/", "/float/"))
    files = [examples.checked(examples.BOARD, [first, second])]
    view = model_view(models(files)[0], machines(files))
    assert [len(table.rows) for table in view.tables] == [1, 1]


def test_what_was_not_run_says_so_and_never_looks_like_a_pass(examples: ModuleType, page_of_two: str) -> None:
    files = examples.two_machines()
    view = model_view(models(files)[0], machines(files))
    states = {name: [cell.state for cell in cells] for name, cells in view.overview}
    assert states["openvino-bf16-128x128"] == ["pass", "not run"]
    assert states["openvino-fp16-128x128"] == ["fail", "not run"]  # the board has no record at all
    assert states["torch-official-128x128"] == ["peer", "not run"]
    text = Page(page_of_two).text
    assert "not run here" in text and "openvino is not usable here" in text


def test_the_page_is_self_contained_and_says_what_to_use(page_of_two: str) -> None:
    text = page_of_two
    page = Page(text)
    sources = [attrs.get("src") or "" for _, attrs in page.tags]
    sources += [attrs.get("href") or "" for tag, attrs in page.tags if tag == "image"]
    assert all(source.startswith("data:image/webp;base64,") for source in sources if source) and any(sources)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)
    assert "url(http" not in text and "@import" not in text
    assert "openvino-bf16-128x128" in page.text and "13." in page.text
    assert sum(tag == "figcaption" for tag, _ in page.tags) == 5 + len(crops(page))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}$\\frac{1}{0}$ -->"


def hostile(record: AccuracyRecord) -> AccuracyRecord:
    return replace(record, model=HOSTILE, dataset=HOSTILE, reason=HOSTILE, device=HOSTILE, worst_image=HOSTILE)


def test_hostile_names_stay_text(examples: ModuleType) -> None:
    environment = replace(examples.BOARD, machine=HOSTILE, cpu=HOSTILE, packages={HOSTILE: HOSTILE})
    speed = [replace(examples.latency(HOSTILE, 9), note=HOSTILE, device=HOSTILE)]
    files: list[ResultFile] = [
        replace(
            examples.checked(environment, [hostile(examples.accuracy(HOSTILE, gate=g)) for g in ("pass", "fail")]),
            environment=environment,
        ),
        examples.timed(environment, speed),
    ]
    text = render(files)
    page = Page(text)
    assert "script" not in {tag for tag, _ in page.tags}
    assert "<script" not in text and "{{7*7}}" in page.text
    allowed = {"content", "class", "style", "aria-label", "role", "alt", "title", "data-on"}
    for _, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on")}
        assert all(name in allowed or "alert" not in (value or "") for name, value in attributes.items())


def test_a_report_is_written_from_files_or_not_at_all(examples: ModuleType, tmp_path: Path) -> None:
    paths = []
    for number, result in enumerate(examples.checked(examples.BOARD, [examples.accuracy(name)]) for name in "ab"):
        paths.append(tmp_path / f"{number}.json")
        write_result(paths[-1], result)
    write_report(paths, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    paths[1].write_text("{}")
    with pytest.raises(InputError, match=r"1\.json"):
        write_report(paths, tmp_path / "other.html")
    assert not (tmp_path / "other.html").exists()


def test_files_without_records_make_no_page(examples: ModuleType) -> None:
    with pytest.raises(InputError, match="no records"):
        render([new_result(examples.BOARD, ())])


def test_the_same_results_make_the_same_page(examples: ModuleType, page_of_two: str) -> None:
    assert render(examples.two_machines()) == page_of_two


def test_without_its_packages_the_report_says_which_extra_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import commands

    monkeypatch.delitem(sys.modules, "benchmarks.report.page")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UnavailableError, match=r"needs the package jinja2.*dlgsanet-edge\[report\]"):
        commands.report(ReportOptions((Path("r.json"),), Path("r.html")), PLAIN)


def test_a_result_file_named_as_the_page_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "r.json"
    place.write_text("measured for hours")
    with pytest.raises(InputError, match=r"end in \.html"):
        write_report([place], place)
    assert place.read_text() == "measured for hours"


def test_blocks_and_error_maps_are_shown(examples: ModuleType) -> None:
    name = "openvino-int8-128x128"
    base = examples.checked(examples.BOARD, [examples.accuracy(name)])
    sha = base.of(AccuracyRecord)[0].model_sha256
    rows = (BlockRow("shallow", None, None), BlockRow("g0.b0.gsa", 41.5, 43.25), BlockRow("sr", 50.0, 60.0))
    blocks = BlockRecord(name, "m", sha, "Set5", (128, 128), 4, "stated", "", 66.0, rows, **examples.what(name))
    refused = replace(blocks, artifact="openvino-bf16-128x128", gate="not run", reason="<b>other</b>", blocks=())
    png = examples.picture(0)
    found = ErrorMap(name, "baby", "Set5", sha, (4, 8, 96, 96), 33.5, 0.2, 20.0, png, png, png, **examples.what(name))
    text = render([replace(base, records=(*base.records, blocks, refused), error_maps=(found,))])
    page = Page(text)
    assert "most is added by g0.b0.gsa, sr" in page.text and "41.5 / 43.2" in page.text
    assert "blocks not shown: <b>other</b>" in page.text and "<b>other" not in text  # escaped
    assert "baby, 33.5 dB to the reference" in page.text and "20 levels of 255 and more" in page.text
    assert [label for label in crops(page) if "baby" in label] == [
        f"baby by {name}, {picture}" for picture in ("artifact", "reference", "error")
    ]
    assert "- / -" in page.text


def test_artifacts_with_other_blocks_stand_side_by_side(examples: ModuleType) -> None:
    name, rows = "openvino-int8-128x128", (BlockRow("shallow", 9.0, 9.5), BlockRow("deep", 8.0, 7.5))
    whole = BlockRecord(
        name, "nano-x4", examples.SHA, "Set5", (128, 128), 4, "stated", "", 66.0, rows, **examples.what(name)
    )
    less = replace(
        whole, artifact="openvino-bf16-128x128", blocks=(BlockRow("deep", 3.0, 2.5), BlockRow("sr", 1.0, 0.5))
    )
    base = examples.checked(examples.BOARD, [examples.accuracy(name)])
    shown = Page(render([replace(base, records=(*base.records, whole, less))])).text
    assert "8.0 / 7.5" in shown and "3.0 / 2.5" in shown and "1.0 / 0.5" in shown
    (first, *_) = terminal_blocks.shown([whole, less])
    assert isinstance(first, Table) and first.row_count == 3


def test_the_page_has_bicubic_and_what_eyes_see(examples: ModuleType) -> None:
    record = examples.accuracy("a-fp32-128x128")
    assert "levels of 255" not in Page(render([examples.checked(examples.BOARD, [record])])).text
    seen = Likeness((0.01, -0.5, 0), 0.6, 1, 2, 3, 4, 5, "chelsea", 0.2)
    measured = replace(record, bicubic_psnr_db=27.125, bicubic_ssim=0.71234, likeness=seen)
    text = Page(render([examples.checked(examples.BOARD, [measured])])).text
    assert "27.125" in text and "0.71234" in text
    assert "a-fp32-128x128, levels of 255: shift +0.010 -0.500 0.000" in text


def test_results_without_a_name_are_counted_to_the_one_named_machine(examples: ModuleType) -> None:
    named = examples.checked(examples.BOARD, [examples.accuracy("a-fp32-128x128")])
    unnamed = replace(examples.BOARD, machine="Small CPU, 4 cores")
    speed = examples.timed(unnamed, [examples.latency("a-fp32-128x128", 9)])
    for files in ([named, speed], [speed, named]):
        (machine,) = machines(files)
        assert machine.label == "Board" and advise(machine) is not None
        assert "1 result file without --machine counted to it" in machine.notes[0]
    assert "counted to it" in Page(render([named, speed])).text


def test_machines_stand_side_by_side_in_a_chart(examples: ModuleType, page_of_two: str) -> None:
    label = "One tile of 128x128 LR pixels across machines"
    assert label in page_of_two
    alone = [it for it in examples.two_machines() if it.environment.machine == "Desktop"]
    assert label not in render(alone)


def test_the_page_can_be_walked_without_eyes(page_of_two: str) -> None:
    page = Page(page_of_two)
    tags = [tag for tag, _ in page.tags]
    for landmark in ("header", "nav", "main", "footer", "h1"):
        assert tags.count(landmark) == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and all(below <= above + 1 for above, below in itertools.pairwise(levels))
    assert tags.count("table") == tags.count("caption")
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    scrolling = [attrs for _, attrs in page.tags if attrs.get("class") == "scroll"]
    assert scrolling and all(it.get("tabindex") == "0" and it.get("aria-label") and it.get("role") for it in scrolling)
    charts = [attrs["aria-label"] or "" for tag, attrs in page.tags if tag == "div" and attrs.get("role") == "img"]
    assert len(charts) == 5 and all(" ms" in label for label in charts)
    targets = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    links = [attrs["href"] or "" for tag, attrs in page.tags if tag == "a"]
    assert links[0] == "#use" and {link.removeprefix("#") for link in links} <= targets


def test_what_a_machine_ran_on_is_shown_where_it_is_told(examples: ModuleType) -> None:
    told = PowerState("RAPL: package-0", 0.5, "battery", "powersave", {"x86_pkg_temp": 41.0}, {"x86_pkg_temp": 70.0})
    silent = PowerState("not told by this system")
    fast, slow = examples.latency("a-fp32-128x128", 9), examples.latency("b-fp32-128x128", 12)
    base = examples.timed(examples.BOARD, [fast])
    text = Page(render([replace(base, records=(replace(fast, power=told), replace(slow, power=silent)))])).text
    assert "power: battery; governor: powersave; temperature before: x86_pkg_temp 41 °C; after: x86_pkg_temp 70" in text
    assert "energy of a tile, by RAPL: package-0: a-fp32-128x128 0.5 J" in text
    assert "energy: not told by this system" in text and "power: mains or battery not told by this system" in text
    assert "energy of a tile" not in Page(render([base])).text  # a file of before


def test_a_whole_job_is_shown(examples: ModuleType) -> None:
    base = examples.timed(examples.BOARD, [examples.latency("a-fp32-128x128", 9)])
    job = JobRecord(
        "a-fp32-128x128",
        "nano-x4",
        examples.SHA,
        "folder",
        40,
        55.3,
        884.7,
        0.9,
        50.0,
        {"decode": 2000.0, "engine": 40_000.0},
        1500.0,
        "RAPL: package-0",
        1000.0,
        **examples.what("a-fp32-128x128"),
    )
    text = Page(render([replace(base, records=(*base.records, job))])).text
    assert "folder of 40 pictures, 55.30 megapixels" in text and "waiting for others" in text
    assert "17.69 output megapixels/s, 0.80 pictures/s; the engine has 80 % of it" in text
    assert "1000 J by RAPL: package-0, 1.13 J a megapixel" in text and "not told by this system" in text
    assert "what to use" in Page(render([new_result(examples.BOARD, (job,))])).text
