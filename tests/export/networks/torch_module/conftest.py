"""Modules of other people, as code that can be imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

CODE = """
import torch
from torch import nn

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)
        self.large = nn.PixelShuffle(2)

    def forward(self, x):
        near = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
        return near + 0.01 * self.large(self.last(torch.relu(self.first(x))))

class OfOneSize(Network):
    def forward(self, x):
        return super().forward(x.reshape(1, 3, 20, 28))

class OfTwoInputs(OfOneSize):
    def forward(self, x, strength=1.0):
        return super().forward(x) * (1.1 if self.training else strength)

class OfTwoPictures(Network):
    def forward(self, x, other):
        return super().forward(x + other)

def of_two_pictures():
    return OfTwoPictures()

class Counting(Network):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x.reshape(1, 3, 20, 28)) + 1e-3 * self.calls

class Routed(Network):
    def forward(self, x):
        return super().forward(x) * (1.0 if x.mean() > 0 else 2.0)

def routed():
    return Routed()

class Ending(Network):
    def forward(self, x):
        import os
        os._exit(3)

def ending():
    return Ending()

def ending_at_once():
    import os
    os._exit(0)

def network():
    return Network()

def of_one_size():
    return OfOneSize()

def of_two_inputs():
    return OfTwoInputs()

def counting():
    return Counting()

def broken():
    raise KeyError("weights")

def number():
    return 3

def leaving():
    raise SystemExit(0)

def in_half():
    return Network().half()
"""


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Name of a factory in CODE -> what a user types; it can be imported here and in children."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "their_networks.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return lambda name: f"their_networks:{name}"
