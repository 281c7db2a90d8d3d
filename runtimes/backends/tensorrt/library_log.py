"""What TensorRT's libraries say while they work: one logger of their own kind, kept as lines."""

from __future__ import annotations

from typing import Any

_KEPT = ("Name: ", "Total ")  # how the lines begin that are worth keeping of some ten thousand


class LibraryLog:
    """What the builder says: `lines` for the kernel table, the last errors and warnings."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.errors: list[str] = []
        self.warnings: list[str] = []

    def take(self, severity: str, message: str) -> None:
        if severity in ("ERROR", "INTERNAL_ERROR"):
            self.errors.append(" ".join(message.split()))
        elif severity == "WARNING":
            self.warnings.append(" ".join(message.split()))
        self.lines += [line for line in message.splitlines() if line.startswith(_KEPT)]

    @property
    def reason(self) -> str:
        return self.errors[-1][:400] if self.errors else "it gave no reason"


def make_logger(trt: Any, kept: LibraryLog) -> object:
    """A logger of the library's own kind: the first one of a process is the one that it keeps."""

    class Logger(trt.ILogger):  # type: ignore[misc]  # a class of the library, known at run time only
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: object, message: str) -> None:
            kept.take(str(getattr(severity, "name", severity)), message)

    return Logger()
