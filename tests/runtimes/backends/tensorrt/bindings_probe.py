"""Run in a process of its own: import real bindings over stub libraries and tell what they have, as JSON.

Arguments: the folder that holds the package, its name, and a JSON object {class or module path: [names]} to look up.
"""

from __future__ import annotations

import importlib
import json
import sys


def main(folder: str, package: str, wanted: dict[str, list[str]]) -> None:
    sys.path.insert(0, folder)
    trt = importlib.import_module(package)
    missing = []
    for path, names in wanted.items():
        holder = trt
        for part in path.split(".")[1:]:
            holder = getattr(holder, part, None)
        for name in names:
            if holder is None or not hasattr(holder, name):
                missing.append(f"{path}.{name}")
    from runtimes.backends.tensorrt.compiling.worker import make_monitor
    from runtimes.backends.tensorrt.library_log import LibraryLog, make_logger

    log = LibraryLog()
    logger = make_logger(trt, log)
    logger.log(trt.ILogger.Severity.ERROR, "two\nlines")
    logger.log(trt.ILogger.Severity.VERBOSE, "Name: x, LayerType: y\nother")
    steps: list[str] = []
    monitor = make_monitor(trt, steps.append)
    monitor.phase_start("Building", None, 2)
    keeps_on = monitor.step_complete("Building", 0)
    monitor.phase_finish("Building")
    try:
        trt.Builder(logger)
        builder = "made"
    except (TypeError, RuntimeError) as error:
        builder = type(error).__name__
    found = {
        "version": trt.__version__,
        "missing": missing,
        "errors": log.errors,
        "lines": log.lines,
        "steps": steps,
        "keeps_on": keeps_on,
        "builder": builder,
        "typed": int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED),
        "timing_cache": str(trt.IBuilderConfig.set_timing_cache.__doc__),
        "contexts": str(trt.ICudaEngine.create_execution_context.__doc__),
        "execute": str(trt.IExecutionContext.execute_async_v3.__doc__),
    }
    sys.stdout.write(json.dumps(found) + "\n")


main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
