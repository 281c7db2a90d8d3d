"""ONNX -> Core ML package, in a process of its own: a crash of the converter becomes one line, not the end of ours.

Run as `python -m export.backends.coreml.convert` it does a ConvertJob. What
it does to the graph is in `export.backends.coreml.program`, what it does to the weights in
`export.backends.coreml.weights`.
"""

from __future__ import annotations

import json
import logging
import sys
import uuid
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dlgsanet import __version__
from export.backends.coreml.weights import PALETTES, compress
from export.machine.child_process import do_job, run_job
from runtimes.backends.coreml.reference import SPECIFICATION

if TYPE_CHECKING:
    from coremltools.models import MLModel
    from coremltools.proto.Model_pb2 import Model

NOT_NEEDED = ("torch", "torchao", "torchvision", "sklearn", "tensorflow", "xgboost")  # by what the converter does here
MIXES_TYPES = "common::fuse_elementwise_to_batchnorm"
"""A pass of coremltools 9 that makes norms with fp16 factors and fp32 means, which it then refuses."""

CONVERSION_DATE = "com.github.apple.coremltools.conversion_date"


@dataclass(frozen=True)
class PackageOptions:
    """`precision` as in export.targets.table; `image`: 8-bit pictures in and out; `deployment`: the oldest system that
    must run it, as coremltools calls it (iOS17 is macOS14, too); `model`: the checkpoint's name."""

    precision: str
    tile: tuple[int, int]
    scale: int
    image: bool
    deployment: str
    model: str


@dataclass(frozen=True)
class Label:
    """What the package says of itself; `user_defined` are the manifest's keys as text."""

    author: str
    licence: str
    version: str
    description: str
    input: str
    output: str
    user_defined: Mapping[str, str]


@dataclass(frozen=True)
class ConvertJob:
    """What the converter's process is asked, see `convert_coreml`."""

    onnx: str
    package: str
    options: PackageOptions
    label: Label


def label(options: PackageOptions, keys: Mapping[str, str], source: Mapping[str, str]) -> Label:
    """What a package says: in words for Xcode, and the manifest's `keys` for programs. `source`: the checkpoint's
    metadata, for its licence."""
    (height, width), scale = options.tile, options.scale
    kind = "8-bit RGB picture" if options.image else "RGB array, NCHW, values in [0, 1]"
    unclamped = "" if options.image else ", not clamped"
    return Label(
        author="DLGSANet Edge",
        licence=source.get("licence", "that of the checkpoint"),
        version=__version__,
        description=f"{options.model}: upsamples a tile of {height}x{width} pixels x{scale} ({options.precision})",
        input=f"{kind}, {height}x{width} (height x width)",
        output=f"{kind}, {height * scale}x{width * scale}{unclamped}",
        user_defined=keys,
    )


def convert_coreml(onnx_file: Path, package: Path, options: PackageOptions, label: Label) -> None:
    """Convert `onnx_file` to the folder `package` (.mlpackage), which must not exist.

    Raises BackendError, with the last line the converter said, when it fails or crashes.
    """
    job = ConvertJob(str(onnx_file), str(package), options, label)
    run_job(
        "export.backends.coreml.convert",
        job,
        f"coremltools could not convert {package.name}",
        package / "Manifest.json",
    )


def prepare_process(needed: Collection[str] = ()) -> None:
    """Before the first import of coremltools: quiet, and without the packages that are not `needed`."""
    logging.getLogger("coremltools").setLevel(logging.ERROR)  # it warns of every package that it might not like
    warnings.simplefilter("ignore")
    sys.meta_path.insert(0, _Hidden(tuple(name for name in NOT_NEEDED if name not in needed)))


def _convert(job: ConvertJob) -> None:
    options, label = job.options, job.label
    prepare_process(("sklearn",) if options.precision in PALETTES else ())
    import coremltools as ct
    import onnx

    from export.backends.coreml.program import INPUT, OUTPUT, ProgramOptions, build_program

    half = options.precision != "fp32"
    tile = options.tile
    graph = onnx.load(job.onnx).graph
    program = build_program(graph, tile, ProgramOptions(half, options.image, options.deployment))
    inputs = None
    if options.image:
        inputs = [ct.ImageType(INPUT, (1, 3, *tile), color_layout=ct.colorlayout.RGB)]
        program.functions["main"].set_output_types([ct.ImageType(OUTPUT, color_layout=ct.colorlayout.RGB)])
    passes = ct.PassPipeline()
    passes.remove_passes({MIXES_TYPES})
    model = ct.convert(
        program,
        pass_pipeline=passes,
        source="milinternal",
        convert_to="mlprogram",
        inputs=inputs,
        minimum_deployment_target=getattr(ct.target, options.deployment),
        compute_precision=ct.precision.FLOAT32,  # the program has its types already: nothing is to be added
        skip_model_load=True,
    )
    model = compress(model, options.precision)
    _stamp(model, label)
    model.save(job.package)
    make_reproducible(Path(job.package))


@dataclass(frozen=True)
class _Hidden:
    """An importer for which these packages do not exist: coremltools imports whatever it finds, which takes seconds."""

    names: tuple[str, ...]

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def make_reproducible(package: Path, edit: Callable[[Model], None] | None = None) -> None:
    """The same input gives the same bytes: no date, maps in order, and identifiers that are made from the paths.

    `edit` may change the specification (a Model of Model.proto) before.
    """
    from coremltools.proto import Model_pb2

    specification = package / SPECIFICATION
    spec = Model_pb2.Model()
    spec.ParseFromString(specification.read_bytes())
    if edit is not None:
        edit(spec)
    spec.description.metadata.userDefined.pop(CONVERSION_DATE, None)
    specification.unlink()  # coremltools leaves it readable by its owner alone
    specification.write_bytes(spec.SerializeToString(deterministic=True))
    listing = package / "Manifest.json"
    text = listing.read_text(encoding="utf-8")
    items = json.loads(text)["itemInfoEntries"]
    for identifier, item in items.items():
        text = text.replace(identifier, str(uuid.uuid5(uuid.NAMESPACE_URL, item["path"])))
    listing.write_text(json.dumps(json.loads(text), indent=4, sort_keys=True) + "\n", encoding="utf-8")


def _stamp(model: MLModel, label: Label) -> None:
    from export.backends.coreml.program import INPUT, OUTPUT

    model.author, model.license, model.version = label.author, label.licence, label.version
    model.short_description = label.description
    model.input_description[INPUT] = label.input
    model.output_description[OUTPUT] = label.output
    model.user_defined_metadata.update(label.user_defined)


if __name__ == "__main__":
    do_job(ConvertJob, _convert)
