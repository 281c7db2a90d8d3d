"""A model on a server as a runner: the same tiles, checks and clock as for a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from threading import Event, local

from dlgsanet.errors import InputError
from runtimes.backends.kserve import ENGINE
from runtimes.backends.kserve.address import Served
from runtimes.backends.kserve.connection import Connection, ServerFacts
from runtimes.backends.kserve.patience import Patience
from runtimes.backends.kserve.served_model import ServedModel
from runtimes.bundle.manifest import Artifact
from runtimes.runner.contract import NOT_TOLD, RunInfo, Runner
from runtimes.runner.tiling import Array, Tile

FIRST_WORD = Patience(5.0)
"""For the first question: who mistyped an address will not wait long."""

ANSWERS = Patience(60.0)
"""For a tile: a server that is started again is back by then."""

IN_FLIGHT = 4
"""Tiles that wait for their answers at once: two for the server's instances, two on the way."""


@dataclass(frozen=True)
class Expected:
    """What a served model must be. `artifact` and `precision`: as records name them; `of`: the artifact of a bundle
    that it must have been made of, where the server tells."""

    artifact: str
    precision: str
    scale: int
    tile: Tile
    of: str | None = None


def look(served: Served) -> ServedModel:
    """What the server says of the model. Raises InputError, and UnavailableError without client or server."""

    def ask() -> ServedModel:
        with closing(Connection(served)) as connection:
            return connection.model()

    return FIRST_WORD.wait_for(ask, Event())


def as_artifact(artifact: Artifact, scale: int) -> Expected:
    """A bundle's artifact that a server runs."""
    return Expected(artifact.id, artifact.precision, scale, artifact.tile, artifact.id)


def as_told(served: Served, model: ServedModel) -> Expected:
    """What the server's own words promise. Raises InputError where they leave the sizes open, and so the scale."""
    if model.scale is None or model.tile is None:
        raise InputError(
            f"'{served.name}' does not tell its scale: its shapes are open; give --bundle and --artifact, too"
        )
    return Expected(served.name, NOT_TOLD, model.scale, model.tile)


class ServerRunner(Runner):
    """Tiles go to the server, several at once; each is asked for again while the server is not there.

    Entering raises UnavailableError (no client, no server) and InputError (no such model, or another one than
    expected).
    """

    def __init__(self, served: Served, expected: Expected, answers: Patience = ANSWERS) -> None:
        super().__init__(expected.scale, (expected.tile,))
        self._served = served
        self._expected = expected
        self._answers = answers
        self._stopped = Event()
        self._of_thread = local()
        self._connections: list[Connection] = []
        self._pool: ThreadPoolExecutor | None = None
        self._model: ServedModel | None = None
        self._shares = served.is_here

    def _open(self) -> RunInfo:
        self._stopped.clear()
        facts, self._model, artifact = FIRST_WORD.wait_for(self._meet, self._stopped)
        self._require_expected(self._model, artifact)
        FIRST_WORD.wait_for(self._mine, self._stopped)
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="server")
        shared = ", shared memory" if self._shares else ""
        return RunInfo(
            artifact=self._expected.artifact,
            backend=ENGINE.name,
            device=f"{self._served.name} on {self._served.url} ({facts.name} {facts.version}{shared})",
            requested_precision=self._expected.precision,
            reported_precision=NOT_TOLD,
            threads=0,
            versions={facts.name or "server": facts.version, ENGINE.module: version(ENGINE.module)},
        )

    def _infer(self, tile: Array) -> Array:
        return self._answers.wait_for(lambda: self._asked(tile), self._stopped)

    def _infer_each(self, tiles: Iterator[Array]) -> Iterator[Array]:
        assert self._pool is not None
        waiting: deque[Future[Array]] = deque()
        for tile in tiles:
            waiting.append(self._pool.submit(self._infer, tile))
            if len(waiting) >= IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _close(self) -> None:
        self._stopped.set()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        while self._connections:
            self._connections.pop().close()
        self._of_thread = local()
        self._pool = self._model = None

    def _meet(self) -> tuple[ServerFacts, ServedModel, str | None]:
        with closing(Connection(self._served)) as connection:
            facts = connection.server()
            return facts, connection.model(), connection.artifact(facts)

    def _connected(self) -> Connection:
        """A new connection, with shared memory where the server takes it."""
        connection = Connection(self._served)
        try:
            facts = connection.server()
            self._shares = self._shares and facts.shares_memory
            if self._shares:
                height, width = self._expected.tile
                entering = 4 * 3 * height * width
                self._shares = connection.share(entering, entering * self.scale**2)
        except BaseException:
            connection.close()
            raise
        return connection

    def _mine(self) -> Connection:
        """This thread's connection."""
        found: Connection | None = getattr(self._of_thread, "connection", None)
        if found is None:
            found = self._of_thread.connection = self._connected()
            self._connections.append(found)
        return found

    def _asked(self, tile: Array) -> Array:
        """One request; a connection that failed is not used again."""
        connection = self._mine()
        try:
            return connection.infer(self._served_model, tile)
        except BaseException:
            self._of_thread.connection = None
            self._connections.remove(connection)
            connection.close()
            raise

    def _require_expected(self, model: ServedModel, artifact: str | None) -> None:
        """Refuse a model that cannot be the artifact. Raises InputError."""
        wanted = self._expected
        if model.tile not in (None, wanted.tile):
            raise InputError(
                _other(self._served, f"tiles of {_by(model.tile)}", f"{_by(wanted.tile)} ({wanted.artifact})")
            )
        if wanted.of is not None and artifact not in (None, wanted.of):
            raise InputError(_other(self._served, str(artifact), wanted.of))
        if model.scale not in (None, wanted.scale):
            raise InputError(_other(self._served, f"x{model.scale}", f"x{wanted.scale} ({wanted.artifact})"))

    @property
    def _served_model(self) -> ServedModel:
        assert self._model is not None
        return self._model


def _other(served: Served, found: str, wanted: str) -> str:
    return (
        f"expected {wanted}, '{served.name}' on {served.url} has {found}; name the model that was made of this bundle"
    )


def _by(tile: Tile | None) -> str:
    return "any size" if tile is None else f"{tile[0]}x{tile[1]}"
