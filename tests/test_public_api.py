"""Names that users import go on working where their modules have moved; they are typed, and cheap to import.

mypy reads this file, too (a slow test): a name that is there but has lost its type fails.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import benchmarks.results
import export.targets
import runtimes.manifest
import runtimes.tiling
from benchmarks.results import LatencyRecord, ResultFile, read_result
from export import ExportOptions, export_bundle
from export.targets import TARGETS, Row, Target
from runtimes import open_runner
from runtimes.backends import Backend, Engine, backend_runner, import_engine
from runtimes.manifest import Artifact, Manifest, read_manifest
from runtimes.runner import OutputError, RunInfo, Runner, RunOptions
from runtimes.tiling import DEFAULT_OVERLAP, upscale_tiled

ROOT = Path(__file__).resolve().parent.parent


def run_first(bundle: Path, lr: np.ndarray) -> tuple[np.ndarray, RunInfo]:
    """As users do; never called, but checked by mypy."""
    manifest: Manifest = read_manifest(bundle)
    artifact: Artifact = manifest.artifacts[0]
    runner: Runner = backend_runner(bundle, artifact, manifest.scale, RunOptions("CPU", threads=1))
    with open_runner(bundle, artifact.id, threads=1) as run, runner:
        try:
            return run(lr, overlap=DEFAULT_OVERLAP), run.info
        except OutputError as error:
            raise SystemExit(error.exit_code) from error


def fastest(place: Path) -> LatencyRecord:
    """As users do; never called, but checked by mypy."""
    result: ResultFile = read_result(place)
    return min(result.of(LatencyRecord), key=lambda record: record.p50_ms or 0.0)


def smallest(checkpoint: Path, out: Path) -> Manifest:
    """As users do; never called, but checked by mypy."""
    row: Row = TARGETS[0]
    target: Target = Target(row.backend, row.precision, (64, 48))
    return export_bundle(checkpoint, out, ExportOptions((row.name,), (target.tile,), force=True))


def test_export() -> None:
    from export.bundle import options, writer
    from export.targets import row, table

    assert (ExportOptions, export_bundle) == (options.ExportOptions, writer.export_bundle)
    assert (TARGETS, Row, Target) == (table.TARGETS, row.Row, table.Target)
    with pytest.raises(AttributeError, match=r"'export\.targets' has no attribute 'nothing'"):
        export.targets.nothing  # noqa: B018


def test_results() -> None:
    from benchmarks.records import latency, result_file

    assert (read_result, ResultFile) == (result_file.read_result, result_file.ResultFile)
    assert LatencyRecord is latency.LatencyRecord
    assert all(getattr(benchmarks.results, name) for name in benchmarks.results.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        benchmarks.results.nothing  # noqa: B018


def test_runtimes() -> None:
    from runtimes.backends.interface.backend import Backend as Entry
    from runtimes.bundle import manifest
    from runtimes.runner import contract, tiling

    assert (Runner, RunOptions, RunInfo, OutputError) == (
        *(contract.Runner, contract.RunOptions, contract.RunInfo, contract.OutputError),
    )
    assert Backend is Entry and isinstance(Engine("x", "x", "x"), Engine)
    assert runtimes.manifest.read_manifest is manifest.read_manifest and Artifact is manifest.Artifact
    assert runtimes.tiling.upscale_tiled is upscale_tiled is tiling.upscale_tiled
    engine: ModuleType = import_engine("onnxruntime") if "onnxruntime" in sys.modules else np
    assert engine.__name__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        runtimes.runner.nothing  # noqa: B018


def test_asking_for_a_name_imports_no_engine() -> None:
    code = (
        "import sys, runtimes, export\n"
        "more = [name for name in sys.modules if name.startswith(('runtimes.', 'export.'))]\n"
        "assert not more, 'more than the package'\n"
        "from runtimes import open_runner\n"
        "from runtimes.runner import Runner\n"
        "from runtimes.backends import Backend, backend_runner\n"
        "from export import ExportOptions\n"
        "from export.targets import TARGETS\n"
        "assert not {'torch', 'onnxruntime', 'openvino', 'coremltools', 'tensorrt'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.slow
def test_the_names_are_typed() -> None:
    command = [sys.executable, "-m", "mypy", "--strict", str(Path(__file__).relative_to(ROOT))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
