"""The old place of `runtimes.runner.tiling`; it goes with the next release."""

from runtimes.runner.tiling import *  # noqa: F403
