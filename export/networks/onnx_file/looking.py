"""What a network does, found by running it: its scale, the sizes that it takes, the range of its pixels.

Runs as `python -m export.networks.onnx_file.looking`, in a process of its own: a stranger's file may crash the engine
or fill the memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np

from dlgsanet.errors import BackendError, EdgeError, InputError, shown
from dlgsanet.imaging.pixels import to_hwc, to_nchw, to_uint8
from dlgsanet.imaging.resize import downscale_matlab8
from dlgsanet.metrics import psnr_float
from dlgsanet.storage.typed_json import decode, to_json
from export.networks.arithmetic.widen import HALF_TO_SINGLE, widened
from export.networks.onnx_file.contents import holds_bfloat16, holds_half
from export.networks.onnx_file.memory_need import limit_process, require_modest
from export.networks.onnx_file.reading import FilePort, OnnxNetworkFile, read_onnx, said
from export.pictures import photograph
from runtimes.backends.onnxruntime.look import ENGINES_OWN, Looked, LookJob
from runtimes.backends.onnxruntime.session import Session
from runtimes.backends.onnxruntime.untouched import UntouchedOnnx, open_session
from runtimes.bundle.foreign import ONE, ZERO, Foreign, Layout, Output, Pixels
from runtimes.machine.child import serve
from runtimes.machine.memory import limit_to_available, peak_rss_mb
from runtimes.runner.tiling import Array

_COPRIME = {1: (37, 41), 2: (19, 21), 3: (13, 14), 4: (9, 11), 5: (8, 9), 6: (7, 8), 7: (6, 7), 8: (5, 7), 9: (4, 5),
            10: (4, 5), 12: (3, 4), 14: (3, 4), 16: (3, 5), 20: (2, 3), 24: (2, 3), 28: (2, 3), 32: (2, 3), 36: (1, 2),
            40: (1, 2), 48: (1, 2), 56: (1, 2), 64: (1, 3)}  # fmt: skip
_ORDER = sorted(_COPRIME, key=lambda multiple: (multiple & (multiple - 1) != 0, multiple))
TRIED = tuple((multiple, (multiple * _COPRIME[multiple][0], multiple * _COPRIME[multiple][1])) for multiple in _ORDER)
"""Multiple, and sides that are both multiples of nothing more. Powers of two first: a network that only wants larger
sides is not taken for one of sevens."""

_OWN_MB = 20
"""What a process takes for itself at a first run, whatever the size."""

TOPS = (1.0, 255.0)
ORDER = "the order of its channels is taken to be RGB: --channels bgr says otherwise"
OUTPUTS: dict[Output, str] = {"picture": "a picture", "normalized": "normalized as its input is"}
CLEAR_DB = 0.3
"""By how much the picture of one range must be nearer to the original than that of the other."""


def looked(job: LookJob) -> Looked:
    """Run the file at a few small sizes."""
    network = read_onnx(Path(job.file), (ENGINES_OWN,) if job.engines_own else ())
    wide = holds_bfloat16(network.model)
    session = _session(network, Path(job.file), wide)
    pixels = Pixels(job.channels, job.top or 1.0, network.layout, job.mean, job.deviation)
    dtype = "float32" if wide else network.input.dtype
    plain = Foreign("onnx", network.input.name, network.output.name, dtype, pixels, fixed=network.fixed)
    before = peak_rss_mb()
    multiple, size, scale = _sizes(UntouchedOnnx(session, plain), network, Path(job.file).stat().st_size)
    _require_honest(network.output, network.layout, size, scale)
    if job.scale not in (None, scale):
        raise InputError(f"--scale says x{job.scale}, the network gives x{scale} of {size[0]}x{size[1]}: leave it out")
    notes = ["x1: the network changes a picture and does not enlarge it"] if scale == 1 else []
    pixels, found = _form(session, plain, size, scale, job)
    foreign = replace(plain, multiple=multiple, pixels=pixels)
    notes += found
    pixel = None if before is None else int(max(0.0, (peak_rss_mb() or before) - before - _OWN_MB) * 1e6 / prod(size))
    return Looked(foreign, scale, tuple(notes), holds_half(network.model), pixel, wide)


def _session(network: OnnxNetworkFile, path: Path, wide: bool) -> Session:
    """Of the file, or of its numbers in fp32."""
    if not wide:
        return open_session(path, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / path.name
        file.write_bytes(widened(network.model, HALF_TO_SINGLE).SerializeToString(deterministic=True))
        return open_session(file, threads=1)


def _sizes(run: UntouchedOnnx, network: OnnxNetworkFile, file_bytes: int) -> tuple[int, tuple[int, int], int]:
    """(multiple, a size that works, scale). Raises InputError where none does, at the first output that is no
    picture, and for what would fill the memory."""
    tried = ((1, run.foreign.fixed),) if run.foreign.fixed else TRIED
    first = ""
    for multiple, size in tried:
        require_modest(network.model, network.layout, size)
        limit_process(file_bytes, size)
        try:
            sr = run(photograph(size))
            if sr.ndim != 4 or sr.shape[:2] != (1, 3):
                break  # of another size it would be none, either
            return multiple, size, _scale(sr, size)
        except EdgeError as error:
            first = first or str(error)
    else:
        largest = max((size for _, size in TRIED), key=prod)
        more = "" if run.foreign.fixed else f"; no size up to {largest[0]}x{largest[1]} works"
        raise InputError(f"{first}{more}")
    raise InputError(_no_picture(sr, size))


def _no_picture(sr: Array, size: tuple[int, int]) -> str:
    return (
        f"expected a picture some whole times as large as its input (1, 3, {size[0]}, {size[1]}), found "
        f"{list(sr.shape)}: is this a super-resolution network?"
    )


def _require_honest(output: FilePort, layout: Layout, size: tuple[int, int], scale: int) -> None:
    """Raise InputError where the file declares another output than it gives."""
    sides = (size[0] * scale, size[1] * scale)
    gives = (1, *sides, 3) if layout == "NHWC" else (1, 3, *sides)
    declared = [given if side is None else side for side, given in zip(output.sides, gives, strict=False)]
    if output.sides and (len(output.sides) != 4 or tuple(declared) != gives):
        raise InputError(
            f"the file declares its output {shown(output.name)} as {said(output.sides)}, and of "
            f"{size[0]}x{size[1]} gives {said(gives)}: export the network again"
        )


def _scale(sr: Array, size: tuple[int, int]) -> int:
    scale = int(sr.shape[2]) // size[0]
    if scale < 1 or sr.shape[2:] != (size[0] * scale, size[1] * scale):
        raise InputError(_no_picture(sr, size))
    if not np.isfinite(sr).all():
        raise InputError("the network's output is not finite for a photograph: get an undamaged file")
    return scale


def _form(
    session: Session, plain: Foreign, size: tuple[int, int], scale: int, job: LookJob
) -> tuple[Pixels, list[str]]:
    """That form of its pixels in which a photograph comes out nearer to its original: what white is, and of a network
    with a mean or a deviation, whether its output has them, too. In a wrong one a network fails, or does nothing but
    enlarge. Where there is no telling white is `job.otherwise`; without one, raises InputError."""
    outputs: tuple[Output, ...] = ("picture",)
    if (job.mean, job.deviation) != (ZERO, ONE):
        outputs = ("picture", "normalized")
    tops = TOPS if job.top is None else (job.top,)
    forms = [replace(plain.pixels, top=top, output=output) for top in tops for output in outputs]
    if len(forms) == 1:
        return forms[0], []
    near = _nearness(session, plain, size, scale, forms)
    best = max(near, key=lambda form: near[form])
    if near[best] == 0.0 and job.otherwise is None:  # beside a reference, the gates say it
        raise InputError("the network gives one colour for a photograph, whatever its range: get an undamaged file")
    rest = [near[form] for form in near if form.top != best.top]
    if rest and near[best] - max(rest) < CLEAR_DB:
        if job.otherwise is not None:
            told = f"its pixels are taken to be in [0, {job.otherwise:g}], as the reference's: it does not show"
            return replace(best, top=job.otherwise), [told]
        found = {top: max(near[form] for form in near if form.top == top) for top in tops}
        raise InputError(
            f"the range of the network's pixels cannot be told (a photograph in [0, 1] comes out {found[1.0]:.1f} dB "
            f"from its original, in [0, 255] {found[255.0]:.1f} dB): give --range 1 or --range 255"
        )
    seen = f"a photograph comes out {near[best]:.1f} dB from its original"
    notes = [] if job.top is not None else [f"its pixels are taken to be in [0, {best.top:g}]: {seen}", ORDER]
    if len(outputs) > 1:
        notes.append(f"its output is taken to be {OUTPUTS[best.output]}: {seen}")
    return best, notes


def _nearness(
    session: Session, plain: Foreign, size: tuple[int, int], scale: int, forms: Sequence[Pixels]
) -> dict[Pixels, float]:
    """dB between a photograph and what comes out of its smaller copy; 0 where that is one colour. Raises InputError
    where every form fails."""
    hr = to_uint8(to_hwc(photograph((size[0] * scale, size[1] * scale))))
    lr = to_nchw(downscale_matlab8(hr, scale))
    near: dict[Pixels, float] = {}
    failed = ""
    for form in forms:
        run = UntouchedOnnx(session, replace(plain, pixels=form))
        try:
            sr = np.nan_to_num(run(lr)).clip(0, 1)  # far outside its range it may overflow
        except BackendError as error:  # or look up what is not there, or ask for memory by its pixels
            near[form], failed = -np.inf, failed or str(error)
            continue
        near[form] = psnr_float(sr, to_nchw(hr)) if np.ptp(sr) else 0.0
    if max(near.values()) == -np.inf:
        raise InputError(failed)
    return near


def _serve(given: object) -> object:
    limit_to_available()
    return to_json(looked(decode(LookJob, given, "job")))


if __name__ == "__main__":
    serve(lambda given, say: _serve(given))
