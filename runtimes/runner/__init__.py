"""What every backend looks like from outside: the contract, tiles, ports, and work counted by precision.

`from runtimes.runner import Runner, RunOptions, RunInfo, OutputError` is for users; our own modules name
`runtimes.runner.contract`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtimes.runner.contract import OutputError, RunInfo, Runner, RunOptions

__all__ = ["OutputError", "RunInfo", "RunOptions", "Runner"]


def __getattr__(name: str) -> object:
    """Names of the contract, imported when they are asked for."""
    if name in __all__:
        return getattr(import_module("runtimes.runner.contract"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
