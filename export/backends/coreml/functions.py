"""Core ML packages of one network in several tiles as one package: a function for each tile, one set of weights.

coremltools merges them: every operation is copied as it is, and constants that functions have in common lie in the
weight file once. Run as `python -m export.backends.coreml.functions` it does a MergeJob, in a
process of its own, like `export.backends.coreml.convert`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dlgsanet.storage.atomic import sha256_file
from export.backends.coreml.convert import make_reproducible, prepare_process
from export.machine.child_process import do_job, run_job
from runtimes.bundle.manifest import Artifact

if TYPE_CHECKING:
    from coremltools.proto.Model_pb2 import Metadata

FUNCTIONS_KEY = "functions"


@dataclass(frozen=True)
class MergeJob:
    """What the merging process is asked: to write `package` of these packages, function -> package."""

    package: str
    functions: Mapping[str, str]


def function_name(tile: tuple[int, int]) -> str:
    """What the function of a tile (H, W) is called."""
    return f"tile_{tile[0]}x{tile[1]}"


def merge_packages(bundle: Path, artifacts: Sequence[Artifact], say: Callable[[str], None]) -> tuple[Artifact, ...]:
    """Replace these packages below `bundle` by one for each family; return their artifacts, in the same order.

    The first tile of a family is the function that an app gets which names none. Raises BackendError when coremltools
    cannot merge them.
    """
    families: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        families.setdefault(artifact.family, []).append(artifact)
    merged: dict[str, Artifact] = {}
    for family, members in families.items():
        say(f"merging {family}: {len(members)} functions")
        merged |= {artifact.id: artifact for artifact in _merged(bundle, family, members)}
    return tuple(merged.get(artifact.id, artifact) for artifact in artifacts)


def _merged(bundle: Path, family: str, members: Sequence[Artifact]) -> list[Artifact]:
    path = f"coreml/{family}.mlpackage"
    with tempfile.TemporaryDirectory() as temporary:
        package = Path(temporary) / f"{family}.mlpackage"
        functions = {function_name(artifact.tile): str(bundle / artifact.path) for artifact in members}
        job = MergeJob(str(package), functions)
        run_job(
            "export.backends.coreml.functions", job, f"coremltools could not merge {family}", package / "Manifest.json"
        )
        shutil.copytree(package, bundle / path)
    for artifact in members:
        shutil.rmtree(bundle / artifact.path)
    found = sorted(item for item in (bundle / path).rglob("*") if item.is_file())
    files = {item.relative_to(bundle).as_posix(): sha256_file(item) for item in found}
    return [replace(each, path=path, files=files, function=function_name(each.tile)) for each in members]


def _merge(job: MergeJob) -> None:
    prepare_process()
    from coremltools.models.utils import MultiFunctionDescriptor, load_spec, save_multifunction

    package, functions = Path(job.package), job.functions
    descriptor = MultiFunctionDescriptor()
    for name, path in functions.items():
        descriptor.add_function(path, "main", name)
    descriptor.default_function_name = next(iter(functions))
    save_multifunction(descriptor, str(package))
    described = {name: load_spec(path).description.metadata for name, path in functions.items()}
    make_reproducible(package, lambda spec: _describe(spec.description.metadata, described))


def _describe(metadata: Metadata, functions: Mapping[str, Metadata]) -> None:
    """The package's metadata (Metadata of Model.proto): those of its functions."""
    first = next(iter(functions.values()))
    metadata.CopyFrom(first)
    metadata.shortDescription = "; ".join(f"{name}: {each.shortDescription}" for name, each in functions.items())
    metadata.userDefined.clear()
    metadata.userDefined.update(_merged_keys({name: dict(each.userDefined) for name, each in functions.items()}))


def _merged_keys(functions: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What all functions say alike stands by itself; the rest is one key, JSON by the functions' names."""
    first = next(iter(functions.values()))
    same = {key: text for key, text in first.items() if all(keys.get(key) == text for keys in functions.values())}
    rest = {name: {key: text for key, text in keys.items() if key not in same} for name, keys in functions.items()}
    return {**same, FUNCTIONS_KEY: json.dumps(rest, sort_keys=True)}


if __name__ == "__main__":
    do_job(MergeJob, _merge)
