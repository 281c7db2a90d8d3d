"""The old place of `runtimes.bundle.manifest`; it goes with the next release."""

from runtimes.bundle.manifest import *  # noqa: F403
