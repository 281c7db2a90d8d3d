"""What a figure that was measured here depends on."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from dlgsanet import __version__
from runtimes.machine.processor import available_threads, cpu_name

ENGINES = ("openvino", "onnxruntime", "nncf", "numpy")


def machine() -> dict[str, Any]:
    """What a measured figure depends on: processor, threads, versions."""
    versions = {"dlgsanet-edge": __version__}
    for name in ENGINES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue  # not installed: it ran nothing
    return {"cpu": cpu_name(), "threads": available_threads(), "versions": versions}
