"""What a figure that was measured here depends on."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from dlgsanet import __version__
from runtimes.machine.processor import available_threads, cpu_name


def fingerprint(packages: Iterable[str]) -> dict[str, object]:
    """Processor, threads, and the versions of ours and of those `packages` that are installed."""
    versions = {"dlgsanet-edge": __version__, **installed(packages)}
    return {"cpu": cpu_name(), "threads": available_threads(), "versions": versions}


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Package -> version, of those that are installed: nothing was made with the others."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
