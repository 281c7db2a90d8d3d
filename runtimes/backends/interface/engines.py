"""An engine: the Python package that a backend runs in, and how to get it where it is missing."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from dlgsanet.errors import UnavailableError


@dataclass(frozen=True)
class Engine:
    """`name` is the backend's, `module` the Python package, `extra` the extra of ours that installs it, `source` what
    does where none can. `int8_in_pairs`: its INT8 kernels for x86 processors without VNNI add pairs of products in 16
    bits, which large ones overflow."""

    name: str
    module: str
    extra: str
    source: str = ""
    int8_in_pairs: bool = False

    @property
    def advice(self) -> str:
        """How to get the engine."""
        return self.source or f'install it: pip install "dlgsanet-edge[{self.extra}]"'

    def load(self) -> ModuleType:
        """Import the package. Raises UnavailableError with the extra that brings it, and KeyboardInterrupt also where
        a native module was interrupted while it began, which it tells as an ImportError."""
        try:
            return importlib.import_module(self.module)
        except ImportError as error:
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, KeyboardInterrupt):
                    raise cause from None
                cause = cause.__cause__ or cause.__context__
            raise UnavailableError(f"{self.name} is not usable here ({error}); {self.advice}") from error
