"""The rooms are packages at the top of everybody's site-packages: another distribution may bring one of their names."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

from dlgsanet.errors import UnavailableError

ROOMS = ("dlgsanet", "export", "runtimes", "benchmarks")
_HOME = Path(__file__).resolve().parents[2]
_ADVICE = "another distribution brings that name, install dlgsanet-edge into an environment of its own"


def require_own(rooms: Iterable[str] = ROOMS, home: Path = _HOME) -> None:
    """Raise UnavailableError if Python would import a room from anywhere but beside this package."""
    for room in rooms:
        spec = importlib.util.find_spec(room)
        origin = spec.origin if spec is not None else None
        if origin is None or Path(origin).resolve().parents[1] != home:
            raise UnavailableError(f"expected the package {room} in {home}, found {origin or 'none'}: {_ADVICE}")


def require_sole_owner(room: str) -> None:
    """Raise UnavailableError if several distributions wrote into this room's folder: the last one has replaced files.

    It reads what is installed, which takes a moment: for when an import of ours has failed.
    """
    from importlib.metadata import packages_distributions  # 70 ms that only a failure pays

    owners = sorted(set(packages_distributions().get(room, ())))
    if len(owners) > 1:
        raise UnavailableError(
            f"expected the package {room} from one distribution, found {', '.join(owners)}: {_ADVICE}"
        )
