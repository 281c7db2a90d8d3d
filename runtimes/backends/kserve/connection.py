"""One connection to a server: its words in, ours out. The two protocols differ in the client's module alone."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import numpy as np

from dlgsanet.errors import BackendError, InputError
from runtimes.backends.kserve import ARTIFACT, ENGINE
from runtimes.backends.kserve.address import Served
from runtimes.backends.kserve.patience import NoAnswerError
from runtimes.backends.kserve.served_model import FLOATS, ServedModel, read_model
from runtimes.backends.kserve.shared_tile import SharedTile
from runtimes.runner.tiling import Array

REQUEST_S = 60.0
"""How long one tile may take: a large network on a slow server; what hangs is asked again."""

_CONFIGURED = "model_configuration"
_BINARY = "binary_tensor_data"
_LATER = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "408", "429", "502", "503", "504"})
_WRONG = frozenset(
    {"INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED", "FAILED_PRECONDITION", "400", "404", "405", "422"}
)
_REFUSED = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "401", "403"})


@dataclass(frozen=True)
class ServerFacts:
    """What a server says of itself."""

    name: str
    version: str
    extensions: frozenset[str]

    @property
    def shares_memory(self) -> bool:
        """Whether it maps memory of clients on its machine, as far as it knows."""
        return "system_shared_memory" in self.extensions


class Connection:
    """A connection for one thread: the HTTP client works in no other. A server that was started again needs a new
    one."""

    def __init__(self, served: Served) -> None:
        """Connects with the first question. Raises UnavailableError where the client's package is missing."""
        ENGINE.load()
        self._served = served
        self._api = importlib.import_module(f"{ENGINE.module}.{served.protocol}")
        self._failed = importlib.import_module(f"{ENGINE.module}.utils").InferenceServerException
        timeouts: dict[str, Any] = {"connection_timeout": REQUEST_S, "network_timeout": REQUEST_S}
        self._timeout: dict[str, Any] = {"client_timeout": REQUEST_S} if served.protocol == "grpc" else {}
        self._settings = {"ssl": served.secure, **({} if self._timeout else timeouts)}
        self._client = self._new_client()
        self._shared: SharedTile | None = None
        self._binary = True

    def server(self) -> ServerFacts:
        """What the server says of itself. Raises as `infer`."""
        with self._translated():
            told = self._told(self._client.get_server_metadata)
        extensions = frozenset(map(str, told.get("extensions") or ()))
        self._binary = self._served.protocol == "grpc" or _BINARY in extensions
        return ServerFacts(str(told.get("name", "")), str(told.get("version", "")), extensions)

    def model(self) -> ServedModel:
        """What the server says of the model. Raises as `infer`, and InputError for a model that is none of pictures."""
        with self._translated():
            told = self._told(self._client.get_model_metadata, self._served.model, self._served.version)
        return read_model(told, self._served.name)

    def artifact(self, server: ServerFacts) -> str | None:
        """The artifact that the model was made of, where `dlgsanet repository` wrote its configuration and the server
        shows it. Raises as `infer`."""
        if _CONFIGURED not in server.extensions:
            return None
        with self._translated():
            told = self._told(self._client.get_model_config, self._served.model, self._served.version)
        told = told.get("config", told)  # gRPC wraps it
        found = told.get("parameters", {}).get(ARTIFACT, {}).get("string_value")
        return None if found is None else str(found)

    def share(self, entering: int, leaving: int) -> bool:
        """Have the server read and write memory of this process, by bytes in and out. False where it will not: one in
        a container, or under another user, cannot."""
        try:
            self._shared = SharedTile(self._new_client, entering, leaving)
        except (self._failed, HTTPException, OSError, ImportError):
            return False
        return True

    def infer(self, model: ServedModel, tile: Array) -> Array:
        """One tile. Raises NoAnswerError (may be asked again), InputError for what the server refuses, BackendError
        where it failed at it."""
        given = self._api.InferInput(model.input, list(tile.shape), FLOATS)
        wanted = self._api.InferRequestedOutput(model.output, **self._how("binary_data"))
        with self._translated():
            if self._shared is not None:
                self._shared.fill(given, wanted, tile)
            else:
                given.set_data_from_numpy(np.ascontiguousarray(tile), **self._how("binary_data"))
            answer = self._client.infer(
                self._served.model, [given], self._served.version, outputs=[wanted], **self._timeout
            )
            return self._read(answer, model)

    def close(self) -> None:
        """Give all back, from any thread; a server that is gone needs no farewell."""
        with suppress(Exception):
            if self._shared is not None:
                self._shared.close()
        with suppress(Exception):
            self._client.close()

    def _new_client(self) -> Any:
        return self._api.InferenceServerClient(self._served.place, **self._settings)

    def _read(self, answer: Any, model: ServedModel) -> Array:
        told = answer.get_output(model.output)
        if told is None:
            raise BackendError(f"{self._served.url}: the answer holds no '{model.output}'")
        if self._shared is not None:
            return self._shared.read(tuple(map(int, told["shape"] if isinstance(told, dict) else told.shape)))
        sr: Array = np.array(answer.as_numpy(model.output))  # a copy: the answer's memory ends with it
        return sr

    def _how(self, name: str) -> dict[str, bool]:
        return {name: self._binary} if self._served.protocol == "http" else {}

    def _told(self, ask: Any, *what: str) -> dict[str, Any]:
        """A mapping of either protocol; numbers of 64 bits are texts by gRPC."""
        return dict(ask(*what) if self._served.protocol == "http" else ask(*what, as_json=True, **self._timeout))

    def _is_forgotten(self) -> bool:
        """Whether the server has lost the memory it shared with us. Its client connects again by itself, so a question
        that points there may reach a server that never heard of it."""
        if self._shared is None:
            return False
        try:
            return not self._shared.is_known()
        except (self._failed, HTTPException, OSError):
            return True

    @contextmanager
    def _translated(self) -> Iterator[None]:
        served = self._served
        try:
            yield
        except self._failed as error:
            status = str(error.status() or "").removeprefix("StatusCode.")
            said = f"{served.url}: {error.message()}"
            if status in _LATER:
                raise NoAnswerError(f"no answer from {said}") from error
            if status in _REFUSED:
                raise InputError(
                    f"{said}: the server asks for rights that this client has not; use a door without"
                ) from error
            if status in _WRONG and self._is_forgotten():
                raise NoAnswerError(f"{served.url} was started anew in between ({error.message()})") from error
            if status in _WRONG:
                raise InputError(f"{said}; see what is served there, or correct --model") from error
            raise BackendError(f"{said} (status {status or 'not told'})") from error
        except HTTPException as error:
            raise NoAnswerError(
                f"no HTTP answer from {served.url} ({error}); a gRPC port is asked by grpc://"
            ) from error
        except (OSError, TimeoutError) as error:
            raise NoAnswerError(f"no answer from {served.url} ({error})") from error
