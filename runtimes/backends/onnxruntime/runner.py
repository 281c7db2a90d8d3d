"""ONNX Runtime: one explicit execution provider, no silent fallback, nothing loaded but what the manifest
lists."""

from __future__ import annotations

import json
from functools import partial
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from types import ModuleType

import numpy as np

from dlgsanet.errors import BackendError, InputError, UnavailableError
from dlgsanet.storage.shelf import KeptEntries
from runtimes.backends.interface.backend import Multiply
from runtimes.backends.onnxruntime import ENGINE
from runtimes.backends.onnxruntime.devices import provider_of
from runtimes.backends.onnxruntime.kept_optimizing import KeptOptimizing
from runtimes.backends.onnxruntime.layers import integer_precision, layers, profiled
from runtimes.backends.onnxruntime.probe import computes_exactly
from runtimes.backends.onnxruntime.provider import CPU, Provider
from runtimes.backends.onnxruntime.session import ON_CPU, Session, provider_options, refused, run_tile
from runtimes.bundle.integrity import read_verified, verify
from runtimes.bundle.manifest import Artifact
from runtimes.file_formats.onnx_file import OnnxFacts, convolution_weights, read_facts, tensor_names, with_outputs
from runtimes.machine.processor import available_threads
from runtimes.probe_network import PRODUCT, PRODUCT_INT8
from runtimes.runner.contract import NOT_TOLD, RunInfo, Runner, RunOptions
from runtimes.runner.ports import require_host_ports, require_port, require_taps
from runtimes.runner.tiling import Array
from runtimes.runner.work_by_precision import by_precision

_PRODUCTS = {"fp32": PRODUCT, "int8": PRODUCT_INT8}


class OnnxRuntimeRunner(Runner):
    """An ONNX file; the network is fp32, fp16... as its weights are, so that is the reported precision."""

    def __init__(self, bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> None:
        super().__init__(scale, (artifact.tile,))
        self._bundle = bundle
        self._artifact = artifact
        self._options = options
        self._session: Session | None = None

    def macs(self) -> dict[str, int]:
        """Of a profiled run in a session of its own."""
        ort = ENGINE.load()
        threads = self._options.threads or available_threads()
        provider = provider_of(ort, self._options.device, threads)
        model, facts = self._read()
        options = provider_options(ort, provider, threads)
        tile = np.zeros(self._artifact.input.shape, np.float32)
        try:
            events = profiled(ort, self._source(model, facts), options, provider, {self._artifact.input.name: tile})
        except Exception as error:
            raise BackendError(f"{self._artifact.id}: ONNX Runtime cannot profile it: {error}") from error
        return by_precision(layers(events, convolution_weights(model), facts.operators.get("Conv", 0)))

    def _open(self) -> RunInfo:
        artifact = self._artifact
        require_host_ports(artifact, hints=())
        ort = ENGINE.load()
        threads = self._options.threads or available_threads()
        provider = provider_of(ort, self._options.device, threads)
        model, facts = self._read()
        source = self._source(model, facts)
        opening = KeptOptimizing(ort, provider, threads, self._options.resting, KeptEntries(self._options.cache))
        try:
            opened = opening.opened(self._key(facts), source, look=artifact.precision == "int8")
        except Exception as error:
            on_cpu = partial(ort.InferenceSession, source, providers=[CPU])
            said = f"{artifact.id}: ONNX Runtime cannot load it: {error}"
            raise refused(said, provider, None if provider.on_cpu else on_cpu) from error
        self._session = opened.session
        self._require_as_asked(provider)
        reported = self._reported(ort, provider, facts, opened.graph)
        return RunInfo(
            artifact=artifact.id,
            backend=ENGINE.name,
            device=provider.shown,
            requested_precision=artifact.precision,
            reported_precision=reported,
            threads=threads,
            versions={ENGINE.name: ort.__version__, "numpy": version("numpy")},
        )

    def _reported(self, ort: ModuleType, provider: Provider, facts: OnnxFacts, graph: bytes | None) -> str:
        """A plug-in tells no precision: it is the file's where the probe's network comes out exact."""
        if provider.plugged is not None:
            return facts.precision if computes_exactly(ort, provider) else NOT_TOLD
        looks = provider.on_cpu and self._artifact.precision == "int8"
        return integer_precision(facts, graph) if looks else facts.precision

    def _key(self, facts: OnnxFacts) -> str | None:
        """What tells this network apart; None for twins, which are made to look into one, and for a model in several
        files, whose graph may be too large for one."""
        return None if self._options.taps or facts.external else json.dumps(dict(self._artifact.files), sort_keys=True)

    def _read(self) -> tuple[bytes, OnnxFacts]:
        model = read_verified(self._bundle, self._artifact.path, self._artifact.files[self._artifact.path])
        taps = self._options.taps
        require_taps(self._artifact.id, taps, tensor_names(model) if taps else ())
        return with_outputs(model, taps), read_facts(model)

    def _source(self, model: bytes, facts: OnnxFacts) -> bytes | str:
        """What a session opens: from bytes, what was hashed is what runs; a model in several files can be opened from
        its path only."""
        return str(self._bundle / self._artifact.path) if self._uses_other_files(facts) else model

    def _uses_other_files(self, facts: OnnxFacts) -> bool:
        """Whether the model keeps weights in other files; they must be in the manifest and unchanged."""
        folder = PurePosixPath(self._artifact.path).parent
        for location in facts.external:
            if str(folder / location) not in self._artifact.files:
                raise InputError(
                    f"{self._artifact.id}: the model reads '{location}', which the manifest does not list; "
                    "it is not loaded, export the bundle again"
                )
        others = {path: sha for path, sha in self._artifact.files.items() if path != self._artifact.path}
        verify(self._bundle, others)
        return bool(facts.external)

    def _require_as_asked(self, provider: Provider) -> None:
        """Compare what the session has with what was asked for. Raises InputError or UnavailableError."""
        found = self._running.get_providers()
        if not found or found[0] != provider.name:
            raise UnavailableError(
                f"{self._artifact.id}: {provider.name} was asked for, ONNX Runtime took "
                f"{', '.join(found) or 'none'} "
                "instead; the provider's libraries are missing or do not fit"
            )
        ports = (
            (self._running.get_inputs(), self._artifact.input),
            (self._running.get_outputs(), self._artifact.output),
        )
        for present, port in ports:
            named = {item.name: tuple(item.shape) for item in present}
            require_port(self._artifact.id, port, named)

    def _infer(self, tile: Array) -> Array:
        return run_tile(self._running, self._artifact, tile)

    def _inspect(self, tile: Array) -> tuple[Array, dict[str, Array]]:
        names = self._options.taps
        sr, *inside = self._running.run([self._artifact.output.name, *names], {self._artifact.input.name: tile})
        return sr, dict(zip(names, inside, strict=True))

    @property
    def _running(self) -> Session:
        assert self._session is not None
        return self._session

    def _close(self) -> None:
        self._session = None


def open_product(precision: str, threads: int) -> Multiply:
    """The product of two matrices (`runtimes.probe_network`) on the CPU, in fp32 or int8. Raises UnavailableError for
    other precisions, and without the engine."""
    if (model := _PRODUCTS.get(precision)) is None:
        raise UnavailableError(f"no matrix product is known for {ENGINE.name} in {precision}")
    ort = ENGINE.load()
    options = provider_options(ort, ON_CPU, threads)
    session = ort.InferenceSession(model.read_bytes(), options, providers=[CPU])
    return lambda a, b: session.run(["c"], {"a": a, "b": b})
