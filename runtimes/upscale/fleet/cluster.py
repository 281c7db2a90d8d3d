"""A cluster of Ray: joined or started, how many actors it has room for, and the artifact of each kind of machine."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from types import ModuleType

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import UnavailableError, one_line
from runtimes.machine.processor import available_threads
from runtimes.upscale.fleet.worker import Task, find_family, machine_kind
from runtimes.upscale.options import UpscaleOptions

LOCAL = "local"
"""Address of a cluster that this process starts and ends: all cores of this machine."""

THREADS = 2
"""Of an actor: two read, compute and write at the same time, and a machine holds as many actors as its cores allow."""


@contextmanager
def cluster(address: str) -> Iterator[ModuleType]:
    """The cluster at `address`; one that was started here ends with the block. Raises UnavailableError."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray = importlib.import_module("ray")
    here = address == LOCAL
    try:
        ray.init(
            address=None if here else address,
            num_cpus=available_threads() if here else None,
            include_dashboard=False if here else None,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            configure_logging=False,
        )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise UnavailableError(
            f"no Ray cluster at '{address}' ({one_line(str(error), 200)}); start one by `ray start`"
        ) from error
    with redirect_stdout(sys.stderr):  # where Ray tells of actors that died: results have the output to themselves
        try:
            yield ray
        finally:
            with suppress(Exception):
                ray.shutdown()


def resources_of_an_actor(options: UpscaleOptions) -> dict[str, int]:
    """What Ray keeps free for one, by Ray's names."""
    return {"num_cpus": options.threads or 1, "num_gpus": 0 if options.device == "CPU" else 1}


def actors(ray: ModuleType, options: UpscaleOptions, without: Collection[str] = ()) -> int:
    """How many the cluster has room for, on nodes that are none of `without`."""
    one = resources_of_an_actor(options)
    have = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["NodeID"] not in without]
    room = int(sum(node.get("CPU", 0) for node in have)) // one["num_cpus"]
    return min(room, int(sum(node.get("GPU", 0) for node in have))) if one["num_gpus"] else room


def on_others(nodes: Collection[str]) -> dict[str, dict[str, str]]:
    """Ray's option that keeps an actor from these nodes. It waits for another one where none is left."""
    return {"label_selector": {"ray.io/node-id": f"!in({','.join(sorted(nodes))})"}} if nodes else {}


def threads_of_an_actor(ray: ModuleType, options: UpscaleOptions) -> int:
    """Of each actor: what was asked for, else as many as every machine has. Raises UnavailableError where no machine
    has them."""
    cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    most = max(cores, default=0)
    wanted = options.threads or max(1, min(THREADS, *[count for count in cores if count] or [1]))
    if most < wanted or (options.device != "CPU" and not ray.cluster_resources().get("GPU")):
        what = f"{wanted} threads" if most < wanted else "a GPU"
        raise UnavailableError(
            f"no machine of the cluster has {what} (cores: {sorted(cores)}); ask for less, or add one"
        )
    return wanted


def families(ray: ModuleType, task: Task, voice: Voice) -> dict[str, str]:
    """Kind of machine -> its fastest good artifact, timed on one machine of each kind. Raises what timing raises."""
    strategies = importlib.import_module("ray.util.scheduling_strategies")
    kinds: dict[str, str] = {}

    def there(node: str) -> dict[str, object]:
        strategy = strategies.NodeAffinitySchedulingStrategy(node, soft=True)
        return {**resources_of_an_actor(task.options), "scheduling_strategy": strategy}

    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0)]
    tell, find = ray.remote(machine_kind), ray.remote(find_family)
    for node, kind in zip(
        nodes, ray.get([tell.options(**there(node)).remote(task.options) for node in nodes]), strict=True
    ):
        kinds.setdefault(kind, node)
    try:
        found = ray.get([find.options(**there(node)).remote(task) for node in kinds.values()])
    except ray.exceptions.RayTaskError as error:
        raise error.as_instanceof_cause() from error
    for kind, family in zip(kinds, found, strict=True):
        voice.note(f"{family} on {kind}")
    return dict(zip(kinds, found, strict=True))
