"""OpenVINO: the inference precision pinned by the manifest and read back from what was compiled."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import numpy as np

from dlgsanet.errors import BackendError, EdgeError, InputError
from dlgsanet.storage.shelf import KeptEntries
from runtimes.backends.openvino import ENGINE
from runtimes.backends.openvino.devices import native_precisions, require_openvino_device
from runtimes.backends.openvino.kept_compiling import KeptCompiling
from runtimes.backends.openvino.layers import PRECISION_HINT, TAP, layers, precision_of
from runtimes.backends.openvino.probe import prove
from runtimes.backends.openvino.protocols import Compiled, IrModel, Port, Request
from runtimes.bundle.integrity import read_verified, require_only
from runtimes.bundle.manifest import Artifact
from runtimes.machine.processor import available_threads
from runtimes.runner.blame import blame
from runtimes.runner.contract import RunInfo, Runner, RunOptions
from runtimes.runner.ports import require_host_ports, require_port, require_taps
from runtimes.runner.tiling import Array
from runtimes.runner.work_by_precision import by_precision

CPU = "CPU"

HINTS = (PRECISION_HINT, "EXECUTION_MODE_HINT", "DYNAMIC_QUANTIZATION_GROUP_SIZE")
"""Settings that a bundle may pin; others (cache folders, plugins) are none of its business."""


class OpenVinoRunner(Runner):
    """An OpenVINO IR (.xml and .bin), compiled for one named device, one stream, a fixed number of
    threads."""

    def __init__(self, bundle: Path, artifact: Artifact, scale: int, options: RunOptions) -> None:
        super().__init__(scale, (artifact.tile,))
        self._bundle = bundle
        self._artifact = artifact
        self._options = options
        self._request: Request | None = None
        self._compiled: Compiled | None = None
        self._on_cpu = True

    def macs(self) -> dict[str, int]:
        return by_precision(layers(self._compiled)) if self._compiled is not None else {}

    def _open(self) -> RunInfo:
        artifact = self._artifact
        require_host_ports(artifact, hints=HINTS)
        if PRECISION_HINT not in artifact.hints:
            # Left alone, OpenVINO picks bf16 or f16 where the device is fast at it.
            raise InputError(f"{artifact.id}: the manifest pins no {PRECISION_HINT}; export the bundle again")
        openvino = ENGINE.load()
        core = openvino.Core()
        device = require_openvino_device(self._options.device, core.available_devices)
        threads = self._options.threads or available_threads()
        model, weights = self._read()
        compiling = KeptCompiling(core, device, self._settings(device, threads), KeptEntries(self._options.cache))

        def read() -> IrModel:
            network: IrModel = core.read_model(model, weights)
            self._tap(network)
            return network

        try:
            facts, compiled = compiling.compiled(self._key(), read)
        except (RuntimeError, UnicodeDecodeError) as error:  # the latter where its own message quotes damaged bytes
            raise blame(
                f"{artifact.id}: OpenVINO cannot load it: {error}",
                partial(prove, core, device),
                None if device == CPU else lambda: core.compile_model(core.read_model(model, weights), CPU, {}),
            ) from error
        require_port(artifact.id, artifact.input, _shapes(compiled.inputs))
        require_port(artifact.id, artifact.output, _shapes(compiled.outputs))
        self._request, self._compiled, self._on_cpu = compiled.create_infer_request(), compiled, device == CPU
        return RunInfo(
            artifact=artifact.id,
            backend=ENGINE.name,
            device=", ".join(compiled.get_property("EXECUTION_DEVICES")),
            requested_precision=artifact.precision,
            reported_precision=precision_of(facts, compiled),
            threads=int(compiled.get_property("INFERENCE_NUM_THREADS")) if self._on_cpu else threads,
            versions={ENGINE.name: openvino.__version__, "numpy": version("numpy")},
            device_precisions=native_precisions(core.get_property(device, "OPTIMIZATION_CAPABILITIES")),
            int8_in_pairs=ENGINE.int8_in_pairs,
        )

    def _key(self) -> str | None:
        """What tells this network apart; None for twins, which are made to look into one."""
        return None if self._options.taps else json.dumps(dict(self._artifact.files), sort_keys=True)

    def _tap(self, network: IrModel) -> None:
        """Make outputs of the tensors that are to be seen, in their order behind the network's own.

        Each is read through a convolution with the identity, or a product where it is no picture, which changes no
        value: what lies between an output and the last convolution before it, OpenVINO would compute in f32 whatever
        the hint says.
        """
        if not (taps := self._options.taps):
            return
        ports = {name: port for op in network.get_ops() for port in op.outputs() for name in port.get_names()}
        require_taps(self._artifact.id, taps, ports)
        operators = import_module(f"{ENGINE.module}.opset13")
        results = []
        for name in taps:
            sides = ports[name].get_shape()
            if len(sides) == 4:
                identity = operators.constant(np.eye(sides[1], dtype=np.float32)[:, :, None, None])
                seen = operators.convolution(ports[name], identity, [1, 1], [0, 0], [0, 0], [1, 1])
            else:
                identity = operators.constant(np.eye(sides[-1], dtype=np.float32))
                seen = operators.matmul(ports[name], identity, False, False)
            seen.set_friendly_name(TAP + name)
            results.append(operators.result(seen.output(0)))
        network.add_results(results)

    def _read(self) -> tuple[bytes, bytes]:
        """Read the two files once, checked: OpenVINO gets the bytes that were hashed."""
        artifact = self._artifact
        place = PurePosixPath(artifact.path)
        weights = str(place.with_suffix(".bin"))
        if weights not in artifact.files:
            raise InputError(f"{artifact.id}: the manifest lists no '{weights}'; export the bundle again")
        require_only(self._bundle, str(place.parent), artifact.files, f"{place.stem}.")
        model = read_verified(self._bundle, artifact.path, artifact.files[artifact.path])
        return model, read_verified(self._bundle, weights, artifact.files[weights])

    def _settings(self, device: str, threads: int) -> dict[str, str | int]:
        settings: dict[str, str | int] = {
            **self._artifact.hints,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        }
        if device == CPU:
            settings["INFERENCE_NUM_THREADS"] = threads
            settings["NUM_STREAMS"] = min(self._options.streams, threads)
        return settings

    def _infer(self, tile: Array) -> Array:
        try:
            found = self._running.infer({self._artifact.input.name: tile})
        except RuntimeError as error:
            raise self._failed(error) from error
        # The request owns the memory and the next run overwrites it.
        sr: Array = np.array(found[self._artifact.output.name])
        return sr

    def _infer_each(self, tiles: Iterator[Array]) -> Iterator[Array]:
        """One request more in flight than run at once: it gets its tile and gives its answer meanwhile. Of several at
        once as many more as there are: one that is held up, by an encoder on its core, lets the others go on."""
        assert self._compiled is not None
        streams = self._options.streams
        more = (self._compiled.create_infer_request() for _ in range(max(streams, 2 * streams - 1)))
        requests = (self._running, *more)
        waiting: deque[Request] = deque()
        try:
            for turn, tile in enumerate(tiles):
                ready = self._answer(waiting.popleft()) if len(waiting) == len(requests) else None
                request = requests[turn % len(requests)]
                request.start_async({self._artifact.input.name: tile})
                waiting.append(request)
                if ready is not None:
                    yield ready
            while waiting:
                yield self._answer(waiting.popleft())
        finally:
            for request in waiting:  # somebody wants no more
                with suppress(RuntimeError):
                    request.wait()

    def _answer(self, request: Request) -> Array:
        try:
            request.wait()
        except RuntimeError as error:
            raise self._failed(error) from error
        return np.array(request.get_output_tensor(0).data, np.float32)

    def _failed(self, error: RuntimeError) -> EdgeError:
        said = f"{self._artifact.id}: OpenVINO failed: {error}"
        # devices other than the CPU fail for reasons of their own, such as memory
        return blame(said, partial(prove, ENGINE.load().Core(), CPU)) if self._on_cpu else BackendError(said)

    def _inspect(self, tile: Array) -> tuple[Array, dict[str, Array]]:
        sr = self._infer(tile)
        found = [self._running.get_output_tensor(index + 1).data for index in range(len(self._options.taps))]
        return sr, {name: np.array(data, np.float32) for name, data in zip(self._options.taps, found, strict=True)}

    @property
    def _running(self) -> Request:
        assert self._request is not None
        return self._request

    def _close(self) -> None:
        self._request = self._compiled = None


def _shapes(ports: Sequence[Port]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(port.shape) for port in ports for name in port.names}
