"""ExecuTorch's runtime: a program's one method, opened and run.

Its public module, `executorch.runtime`, imports all tools of the exporter, which takes seconds and a dozen packages
that a device need not have; so what that module is built on is imported in its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from dlgsanet.command_line.remarks import without_remarks
from dlgsanet.errors import UnavailableError
from runtimes.backends.executorch import ENGINE
from runtimes.backends.torch import ENGINE as TORCH
from runtimes.runner.tiling import Array

DELEGATE = "XnnpackBackend"
METHOD = "forward"
_REMARK = re.compile(rb"\[\w+\.cpp:\d+\] .*")


class TensorFacts(Protocol):
    """Of one input or output."""

    def sizes(self) -> Sequence[int]: ...


class MethodFacts(Protocol):
    def num_inputs(self) -> int: ...
    def num_outputs(self) -> int: ...
    def input_tensor_meta(self, index: int) -> TensorFacts: ...
    def output_tensor_meta(self, index: int) -> TensorFacts: ...


class _TensorOut(Protocol):
    def numpy(self) -> Array: ...


class _Method(Protocol):
    def __call__(self, inputs: Sequence[object], clone_outputs: bool = True) -> Sequence[_TensorOut]: ...
    def method_meta(self) -> MethodFacts: ...


class _Program(Protocol):
    def load_method(self, name: str) -> _Method: ...


class _Bindings(Protocol):
    """What is used of `executorch.extension.pybindings._C`."""

    def _load_program_from_buffer(self, data: bytes) -> _Program: ...
    def _unsafe_reset_threadpool(self, threads: int) -> None: ...
    def _threadpool_get_thread_count(self) -> int: ...
    def _get_registered_backend_names(self) -> list[str]: ...


def bindings() -> _Bindings:
    """The engine's own module. Raises UnavailableError where it cannot be imported, or lacks its delegate."""
    ENGINE.load()
    try:
        TORCH.load()  # its libraries are those that the engine is linked to
        found = cast(_Bindings, import_module(f"{ENGINE.module}.extension.pybindings._C"))
    except ImportError as error:
        raise UnavailableError(f"{ENGINE.name} is not usable here ({error}); {ENGINE.advice}") from error
    if DELEGATE not in found._get_registered_backend_names():
        raise UnavailableError(f"this ExecuTorch was built without {DELEGATE}; {ENGINE.advice}")
    return found


class OpenMethod:
    """One method of a program. Raises RuntimeError for a file that the engine does not take."""

    def __init__(self, data: bytes, threads: int) -> None:
        engine = bindings()
        self._data = data  # the program reads its constants from there
        with without_remarks(_REMARK):
            if engine._threadpool_get_thread_count() != threads:
                engine._unsafe_reset_threadpool(threads)  # one for the process; nothing runs in it while this opens
            self._program = engine._load_program_from_buffer(data)
            self._method = self._program.load_method(METHOD)

    @property
    def facts(self) -> MethodFacts:
        return self._method.method_meta()

    def run(self, tile: Array) -> Array:
        """Raises RuntimeError where a kernel fails."""
        return self._method([TORCH.load().from_numpy(tile)], True)[0].numpy()
