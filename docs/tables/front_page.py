"""The README's small table, and the list of shipped weights."""

from __future__ import annotations

from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.latency import LatencyRecord, RatioRecord, to_best_torch, to_torch
from benchmarks.records.result_file import ResultFile
from dlgsanet.checkpoints import read_checkpoint, shipped_names
from dlgsanet.network.count import parameters
from docs.tables.results import BASELINE, TILE, network, results
from runtimes.file_formats.markdown import markdown_table

MODELS = ("nano-x4", "tiny-x4")
TARGETS = {"openvino-fp32": "OpenVINO fp32", "openvino-bf16": "OpenVINO bf16"}
FORMS = {
    BASELINE: "torch, official form",
    f"{BASELINE}-compiled": "torch.compile, official form",
    "torch-reference-compiled": "torch.compile, our form",
    **TARGETS,
}
PEER_RUN = "tiny-x4"
SWINIR_DB = 32.44  # Liang et al., 2021
PEERS = {
    "swinir-light-openvino-fp32": ("SwinIR-light", f"{SWINIR_DB} (published)", ""),
    "bicubic": ("bicubic", "28.43", " (NumPy)"),
}
"""Network, PSNR, and what runs it where that is not OpenVINO: what these rows cannot take from our results. A test of
the metrics holds bicubic's."""


def front_page() -> str:
    """Accuracy and time of the shipped x4 networks and of others, and how the nearest peer stands to ours."""
    rows = [_ours(model) for model in MODELS]
    (file,) = _bench(PEER_RUN)
    times = _times(file)
    place = list(FORMS).index("openvino-fp32")
    for peer, (name, decibels, by) in PEERS.items():
        cells = [""] * len(FORMS)
        cells[place] = f"{times[f'{peer}-{TILE}']:.1f}{by}"
        rows.append((name, decibels, *cells))
    table = markdown_table(("ms a tile", "PSNR, dB", *FORMS.values()), rows)
    more = SWINIR_DB - _decibels(PEER_RUN)[f"openvino-fp32-{TILE}"]
    longer = times[f"swinir-light-openvino-fp32-{TILE}"] / times[f"openvino-fp32-{TILE}"]
    side, ours = "above" if more > 0 else "below", network(_check(PEER_RUN)[0])
    return (
        f"{table}\n\n{_torch()}\n\nSwinIR-light is {abs(more):.2f} dB {side} {ours} and takes {longer:.1f} times its "
        "time (OpenVINO fp32)."
    )


def shipped() -> str:
    """The names of the shipped weights, in one line."""
    return f"Shipped weights: {', '.join(f'`{name}`' for name in shipped_names())}."


def weights() -> str:
    """The shipped checkpoints and their scores, from the files themselves."""
    rows = []
    for name in shipped_names():
        checkpoint = read_checkpoint(name)
        facts = checkpoint.metadata
        link = f"[`{name}`](../../dlgsanet/weights/{name}.md)"
        rows.append((link, f"{parameters(checkpoint.config):,}", facts["set5"], facts["b100"], facts["steps"]))
    return markdown_table(("name", "parameters", "Set5, PSNR / SSIM", "B100, PSNR / SSIM", "steps"), rows)


def _ours(model: str) -> tuple[str, ...]:
    (file,) = _bench(model)
    times, decibels = _times(file), _decibels(model)
    known = [decibels[name] for target in TARGETS if (name := f"{target}-{TILE}") in decibels]  # judged on some machine
    judged = " / ".join(dict.fromkeys(f"{it:.2f}" for it in known))
    return network(_check(model)[0]), judged, *(f"{times[f'{form}-{TILE}']:.1f}" for form in FORMS)


def _torch() -> str:
    """How the artifacts stand to torch: to its best form, and to what a CPU user has today."""
    said = []
    for model in MODELS:
        (file,) = _bench(model)
        everything = {(it.artifact, it.other): 1 / it.ratio for it in to_torch(file.of(RatioRecord))}
        for target, words in TARGETS.items():
            name = f"{target}-{TILE}"
            best = to_best_torch(file.of(RatioRecord))[name]
            eager = everything[name, f"{BASELINE}-{TILE}"]
            said.append(f"{model} by {words} {1 / best.ratio:.1f} ({eager:.0f})")
    return (
        "Times as fast as the fastest form of torch, `torch.compile` included (in brackets: as the official form as it "
        f"comes): {', '.join(said)}."
    )


def _bench(model: str) -> list[ResultFile]:
    return results(f"{model}-bench-128.json")


def _times(file: ResultFile) -> dict[str, float]:
    return {it.artifact: it.best_ms for it in file.of(LatencyRecord) if it.best_ms is not None}


def _decibels(model: str) -> dict[str, float]:
    return {it.artifact: it.psnr_db for it in _check(model) if it.psnr_db is not None}


def _check(model: str) -> tuple[AccuracyRecord, ...]:
    (check,) = results(f"{model}-check-Set5.json")
    return tuple(check.of(AccuracyRecord))
