"""The word for a verdict."""

from __future__ import annotations

from typing import Literal

GateName = Literal["pass", "fail", "stated", "not run"]
"""`stated`: measured, but nothing limits it. `not run`: never measured here, which is no kind of pass."""
