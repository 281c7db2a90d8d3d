"""The old place of `runtimes.runner.tiling` and `runtimes.runner.overlap`; it goes with the next release."""

from runtimes.runner.overlap import *  # noqa: F403
from runtimes.runner.tiling import *  # noqa: F403
