"""PyAV, which is FFmpeg: imported when a video is met, its errors in one line of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.imaging.limits import most_pixels
from runtimes.machine.priority import same_priority

if TYPE_CHECKING:
    from types import ModuleType

    from av.container import InputContainer


def library() -> ModuleType:
    """The module `av`. Raises UnavailableError where it is not installed."""
    try:
        import av
    except ImportError as error:
        raise UnavailableError('videos need PyAV (Python 3.11 or newer): pip install "dlgsanet-edge[video]"') from error
    os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder's: errors only, or it writes a page for each segment
    return av


def versions() -> str:
    """PyAV's and the codecs' versions: others may code the same frames in other bits."""
    av = library()
    parts = (f"{name} {'.'.join(map(str, number))}" for name, number in sorted(av.library_versions.items()))
    return ", ".join((f"av {av.__version__}", *parts))


@contextmanager
def refused(what: str, advice: str) -> Iterator[None]:
    """Turn an error of the library into one line; threads keep their priority, whatever an encoder does to them. Raises
    InputError."""
    av = library()
    try:
        with same_priority():
            yield
    except (av.error.FFmpegError, ValueError) as error:
        raise InputError(f"{what}: {reason(error)}; {advice}") from error


def reason(error: BaseException) -> str:
    """What an error of the library says, without its number and file."""
    return str(getattr(error, "strerror", None) or error)


def open_source(path: Path, demuxer: str) -> InputContainer:
    """A file by the demuxer that its content names: it opens no other file and no address. Raises InputError."""
    av = library()
    with refused(f"cannot read the video '{path}'", "expected a whole file in a usual container"):
        container: InputContainer = av.open(
            str(path),
            format=demuxer,
            options={"protocol_whitelist": "file", "max_pixels": str(most_pixels())},
            metadata_errors="replace",
        )
    return container
