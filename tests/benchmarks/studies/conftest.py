"""Studies may import `export`, and their tests its small networks."""

from __future__ import annotations

from tests.export.conftest import *  # noqa: F403  (fixtures are found by name)
