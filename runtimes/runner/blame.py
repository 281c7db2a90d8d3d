"""Whose fault it is that an engine does not take a file: the file's, the device's, or the engine's own."""

from __future__ import annotations

from collections.abc import Callable

from dlgsanet.errors import BackendError, EdgeError, InputError, UnavailableError

Try = Callable[[], object]
"""Runs something in the engine; raises whatever the engine raises."""


def blame(said: str, proof: Try, elsewhere: Try | None = None) -> EdgeError:
    """The error for a file, unchanged since its manifest was written, that an engine refuses with what is `said`.

    UnavailableError where another device of the engine takes it (`elsewhere`), InputError where the engine runs the
    network of its probe here (`proof`): then it is the file's fault. BackendError where it does not run that either.
    """
    if elsewhere is not None and _works(elsewhere):
        return UnavailableError(f"{said}; another device takes it: choose one with --device")
    if _works(proof):
        return InputError(f"{said}; it runs other networks, so the file is damaged or too new: export it again")
    return BackendError(said)


def _works(attempt: Try) -> bool:
    try:
        attempt()
    except Exception:  # noqa: BLE001  (engines raise what they like)
        return False
    return True
