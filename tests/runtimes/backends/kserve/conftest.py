"""A stand-in for a model server: the HTTP form of the protocol with numbers as text, in this process.

The real one is tested by test_real_server.py.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tritonclient.http")

SCALE, TILE = 2, (16, 20)
REGION = "shared_memory_region"
REGIONS = "/v2/systemsharedmemory/region/"


def enlarged(lr: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(lr, SCALE, 2), SCALE, 3) * np.float32(0.5)


@dataclass
class StandIn:
    """What it serves; `refuses`: how many requests it answers with 503 first, `compute` what it makes of a tile;
    `memory`: the regions it was told of, by name, where it shares any (`extensions`)."""

    inputs: list[dict[str, Any]] = field(default_factory=lambda: [port("lr", TILE)])
    outputs: list[dict[str, Any]] = field(default_factory=lambda: [port("sr", (TILE[0] * SCALE, TILE[1] * SCALE))])
    compute: Callable[[np.ndarray], np.ndarray] = enlarged
    extensions: list[str] = field(default_factory=list)
    memory: dict[str, Path] = field(default_factory=dict)
    refuses: int = 0
    asked: int = 0
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def infer(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            self.asked += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            refused, self.refuses = self.refuses > 0, max(0, self.refuses - 1)
        try:
            if refused:
                return 503, {"error": "starting"}
            given, wanted = request["inputs"][0], request["outputs"][0]
            for region in filter(None, map(region_of, (given, wanted))):
                if region not in self.memory:
                    return 400, {"error": f"Unable to find shared memory region: '{region}'"}
            sr = self.compute(self._read(given))
            told = {"name": self.outputs[0]["name"], "shape": list(sr.shape), "datatype": "FP32"}
            return 200, {"model_name": "m", "outputs": [{**told, **self._written(sr, region_of(wanted))}]}
        finally:
            with self.lock:
                self.at_once -= 1

    def regions(self, words: list[str], request: dict[str, Any]) -> tuple[int, object]:
        """`[name, verb]`: register, unregister or tell of a region."""
        name, verb = words
        if verb == "register":
            self.memory[name] = Path("/dev/shm") / request["key"].lstrip("/")
        elif verb == "unregister":
            self.memory.pop(name, None)
        elif name not in self.memory:
            return 400, {"error": f"Unable to find system shared memory region: '{name}'"}
        return 200, [{"name": name}]

    def _read(self, given: dict[str, Any]) -> np.ndarray:
        region = region_of(given)
        if region is None:
            return np.array(given["data"], np.float32).reshape(given["shape"])
        return np.memmap(self.memory[region], np.float32, "r", shape=tuple(given["shape"])).copy()

    def _written(self, sr: np.ndarray, region: str | None) -> dict[str, Any]:
        if region is None:
            return {"data": sr.ravel().tolist()}
        np.memmap(self.memory[region], np.float32, "r+", shape=sr.shape)[:] = sr
        return {"parameters": {REGION: region}}


def region_of(port: dict[str, Any]) -> str | None:
    return port.get("parameters", {}).get(REGION)


def port(name: str, size: tuple[int, int], datatype: str = "FP32") -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [1, 3, *size]}


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
def url(stand_in: StandIn) -> Iterator[str]:
    """Where it answers; its one model is called `m`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/v2":
                self._answer(200, {"name": "stand-in", "version": "1", "extensions": stand_in.extensions})
            elif self.path == "/v2/models/m":
                self._answer(200, {"name": "m", "inputs": stand_in.inputs, "outputs": stand_in.outputs})
            elif self.path.startswith(REGIONS):
                self._answer(*stand_in.regions(self.path.removeprefix(REGIONS).split("/"), {}))
            else:
                self._answer(404, {"error": "no such model"})

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
            if self.path.startswith(REGIONS):
                self._answer(*stand_in.regions(self.path.removeprefix(REGIONS).split("/"), request))
            else:
                self._answer(*stand_in.infer(request))

        def _answer(self, status: int, value: object) -> None:
            text = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
