"""What samples of pictures are: the one name for arrays of them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8 | np.uint16 | np.float32 | np.float64]
"""Samples of any layout: 8 or 16 bits, or floats in [0, 1]; each function says which it takes."""
