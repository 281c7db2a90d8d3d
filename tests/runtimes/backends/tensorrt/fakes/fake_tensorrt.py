"""A stand-in for the `tensorrt` package: the names that this project uses, a builder that can fail in every way, and
engines that repeat pixels. Loaded as `tensorrt` from a folder on the path, here or in the builder's process.

FAKE_TENSORRT in the environment says how it behaves: a JSON object with `version`, `mode` (crash, hang, refuse, unread,
memory), `only` (modes hold only for graphs with this text in their bytes), `weak` (FP16 and INT8 flags are there).
`test_conformance.py` holds its names against the real bindings.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
from enum import Enum, IntEnum

import numpy as np

_ASKED = json.loads(os.environ.get("FAKE_TENSORRT", "{}"))
__version__ = _ASKED.get("version", "10.3.0")
MARK = b"fake engine\n"
LOG = (
    "Engine Layer Information:\n"
    "Name: conv0, LayerType: CaskConvolution, Inputs: [ { Name: lr, Dimensions: [1,3,16,16], Format/Datatype: Row "
    "major linear FP16 format }], Outputs: [ { Name: maps, Dimensions: [1,12,16,16], Format/Datatype: Channel "
    "major FP16 format where channel % 8 == 0 }], TacticName: t, StreamId: 0, Metadata: [ONNX Layer: Conv_0]\n"
    "Name: shuffle, LayerType: kgen, Inputs: [ { Name: maps, Dimensions: [1,12,16,16], Format/Datatype: Half }], "
    "Outputs: [ { Name: sr, Dimensions: [1,3,32,32], Format/Datatype: Float }], TacticName: , StreamId: 0, Metadata: "
)


def enqueue(handle, work):
    """Where the engine puts its work: at once, or on a fake stream when a test has put one here."""
    work()


def compute(lr):
    """What an engine makes of a tile, float32; a test may put its own network here."""
    return np.repeat(np.repeat(lr, 2, 2), 2, 3)


class BuilderFlag(Enum):
    TF32 = 7
    if _ASKED.get("weak", True):
        FP16 = 0
        INT8 = 1


class NetworkDefinitionCreationFlag(IntEnum):
    STRONGLY_TYPED = 1


class MemoryPoolType(Enum):
    WORKSPACE = 0


class ProfilingVerbosity(Enum):
    DETAILED = 2


class LayerInformationFormat(Enum):
    JSON = 1


class TensorIOMode(Enum):
    INPUT = 1
    OUTPUT = 2


class DataType(Enum):
    FLOAT = 0
    HALF = 1


class Severity(Enum):
    ERROR = 1
    WARNING = 2
    VERBOSE = 4


class ILogger:
    pass


class IProgressMonitor:
    pass


class INetworkDefinition:
    data = b""


class Cache:
    def __init__(self, data):
        self.data = data

    def serialize(self):
        return self.data + b"+"


class IBuilderConfig:
    def __init__(self):
        self.progress_monitor = None
        self.profiling_verbosity = None
        self.builder_optimization_level = 3
        self.said = []

    def set_flag(self, flag):
        self.said.append(flag.name)

    def clear_flag(self, flag):
        self.said.append(f"-{flag.name}")

    def set_memory_pool_limit(self, pool, size):
        self.said.append(f"{pool.name}={size}")

    def create_timing_cache(self, data):
        return Cache(data) if not data.startswith(b"torn") else None

    def set_timing_cache(self, cache, ignore_mismatch):
        self.cache = cache
        return True

    def get_timing_cache(self):
        return self.cache


class ParserError:
    def desc(self):
        return "unsupported operator Oracle"

    def node_name(self):
        return "conv7"


class OnnxParser:
    def __init__(self, network, logger):
        self.network = network
        self.num_errors = 0

    def parse(self, data):
        self.network.data = bytes(data)
        if _mode(data) == "unread":
            self.num_errors = 1
            return False
        return True

    def get_error(self, index):
        return ParserError()


def _mode(data):
    only = _ASKED.get("only")
    return _ASKED.get("mode") if only is None or only.encode() in data else None


class Builder:
    num_DLA_cores = 2

    def __init__(self, logger):
        self.logger = logger

    def create_network(self, flags):
        return INetworkDefinition()

    def create_builder_config(self):
        return IBuilderConfig()

    def build_serialized_network(self, network, config):
        monitor, mode = config.progress_monitor, _mode(network.data)
        monitor.phase_start("Building", None, 2)
        assert monitor.step_complete("Building", 0)
        if mode == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if mode == "hang":
            time.sleep(600)
        if mode == "refuse":
            self.logger.log(Severity.ERROR, "no tactic for\n conv3")
            return None
        monitor.phase_finish("Building")
        os.write(1, b"native code prints to standard output\n")
        self.logger.log(Severity.WARNING, "odd weights")
        self.logger.log(Severity.VERBOSE, LOG)
        self.logger.log(Severity.VERBOSE, "Total Activation Memory: 4096 bytes\nTotal Weights Memory: 1024 bytes")
        facts = {"flags": config.said, "onnx": len(network.data), "tile": _ASKED.get("tile", [16, 16])}
        return MARK + json.dumps(facts).encode()


class EngineInspector:
    def get_engine_information(self, form):
        return _ASKED.get("inspector", "not JSON")


class ICudaEngine:
    num_io_tensors = 2

    def __init__(self, data):
        self.facts = json.loads(data[len(MARK) :])
        height, width = self.facts["tile"]
        self.shapes = {"lr": (1, 3, height, width), "sr": (1, 3, 2 * height, 2 * width)}

    def get_tensor_name(self, index):
        return ("lr", "sr")[index]

    def get_tensor_mode(self, name):
        return TensorIOMode.INPUT if name == "lr" else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name):
        return getattr(DataType, _ASKED.get("dtype", "FLOAT"))

    def get_tensor_shape(self, name):
        return self.shapes[name]

    def create_engine_inspector(self):
        return EngineInspector()

    def create_execution_context(self, runtime_config=None):
        if _ASKED.get("mode") == "memory":
            return None
        return IExecutionContext(self, None if runtime_config is None else runtime_config.cache)

    if _ASKED.get("kernels"):

        def create_runtime_config(self):
            return IRuntimeConfig()


class IRuntimeCache:
    """Kernels by the driver that compiled them; what another one wrote is refused."""

    def __init__(self):
        self.data = b""

    def deserialize(self, data):
        if not bytes(data).startswith(_ASKED["kernels"].encode()):
            return False
        self.data = bytes(data)
        return True

    def serialize(self):
        return self.data


class IRuntimeConfig:
    def create_runtime_cache(self):
        return IRuntimeCache()

    def set_runtime_cache(self, cache):
        self.cache = cache
        return True


compiled = []  # one entry for each kernel that was compiled


class IExecutionContext:
    def __init__(self, engine, cache):
        self.engine = engine
        self.cache = cache
        self.addresses = {}

    def set_input_shape(self, name, shape):
        return tuple(shape) == self.engine.shapes[name]

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return address != 0

    def execute_async_v3(self, stream_handle):
        if _ASKED.get("mode") == "fail":
            return False
        if self.cache is not None and not self.cache.data:
            compiled.append(_ASKED["kernels"])
            self.cache.data = _ASKED["kernels"].encode() + b": a kernel"
        lr, sr = (_memory(self.addresses[name], self.engine.shapes[name]) for name in ("lr", "sr"))

        def work():
            sr[...] = compute(lr)
            if _ASKED.get("mode") == "nan":
                sr[0, 0, 3, 3] = np.nan

        enqueue(stream_handle, work)
        return True


class Runtime:
    def __init__(self, logger):
        self.logger = logger

    def deserialize_cuda_engine(self, data):
        if not bytes(data).startswith(MARK):
            self.logger.log(Severity.ERROR, "Magic tag does not match")
            return None
        return ICudaEngine(bytes(data))


def _memory(address, shape):
    size = int(np.prod(shape))
    return np.ctypeslib.as_array((ctypes.c_float * size).from_address(address)).reshape(shape)
