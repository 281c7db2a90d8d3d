"""A stranger's code that ends its process: that is an error that says where."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from dlgsanet.errors import InputError, shown
from export.networks.torch_module.picture_reads import place_of_call


@contextmanager
def refuses_to_end(thing: str) -> Iterator[None]:
    """While the block runs, `os._exit` in its thread raises InputError; what ends the process otherwise still does."""
    ours, end = threading.get_ident(), os._exit

    def refused(status: int) -> NoReturn:
        if threading.get_ident() != ours:  # that which watches over the process
            end(status)
        raise InputError(
            f"{shown(thing)} ends its process (os._exit({shown(status)}) at {place_of_call(__file__)}): give a factory "
            "and a module that return"
        )

    os._exit = refused
    try:
        yield
    finally:
        os._exit = end
