"""A job that says how many files it may open."""

from __future__ import annotations

import resource

from runtimes.machine.child import serve

if __name__ == "__main__":
    serve(lambda given, say: resource.getrlimit(resource.RLIMIT_NOFILE)[0])
