"""Family `torch`: `package.module:factory`, a function without arguments that returns the network."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from torch import nn

from dlgsanet.errors import InputError, shown
from export.networks.torch_module.loaded import LoadedModule

_NAME = re.compile(r"[A-Za-z_]\w+(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_factory(name: str) -> bool:
    """Whether a user means a factory and no file."""
    return _NAME.fullmatch(name) is not None and not Path(name).exists()


def load_factory(name: str) -> LoadedModule:
    """Import the module and call the factory: this runs its code. Raises InputError."""
    place, _, factory = name.partition(":")
    try:
        module = getattr(importlib.import_module(place), factory)()
    except ModuleNotFoundError as error:
        raise InputError(
            f"{shown(name)} needs {error.name}, which is not here: install it, or put its folder into PYTHONPATH"
        ) from error
    except (Exception, SystemExit) as error:
        raise InputError(f"{shown(name)} failed: {type(error).__name__}: {error}") from error
    if not isinstance(module, nn.Module):
        raise InputError(f"expected {shown(name)} to return a torch.nn.Module, found {type(module).__name__}")
    return LoadedModule(module)
