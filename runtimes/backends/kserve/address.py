"""Where a model is served, as a user writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dlgsanet.errors import InputError

_URL = re.compile(
    r"(?:(grpc|grpcs|http|https)://)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):(\d{1,5})((?:/[A-Za-z0-9._~/-]*)?)"
)
_MODEL = re.compile(r"([^:/\s][^:\s]*)(?::(\d+))?")
_HERE = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True)
class Served:
    """A model on a server. `protocol`: grpc or http; `place`: host:port, for HTTP with a path; `secure`: through TLS;
    `version` empty: the server's choice."""

    protocol: str
    place: str
    model: str
    version: str = ""
    secure: bool = False

    @property
    def url(self) -> str:
        """As users write it."""
        return f"{self.protocol}{'s' if self.secure else ''}://{self.place}"

    @property
    def name(self) -> str:
        """The model with its version, where one was asked for."""
        return f"{self.model}:{self.version}" if self.version else self.model

    @property
    def is_here(self) -> bool:
        """Whether the server is on this machine, so that memory may be shared with it."""
        return self.place.split("/")[0].rpartition(":")[0] in _HERE


def parse_served(server: str, model: str | None) -> Served:
    """`grpc://HOST:PORT` (or http, https, grpcs; grpc where nothing is said) and `NAME` or `NAME:VERSION`.

    Raises InputError for anything else.
    """
    if model is None:
        raise InputError("--server needs --model NAME, what the server calls the model; add it")
    place, named = _URL.fullmatch(server.rstrip("/")), _MODEL.fullmatch(model)
    if place is None or int(place[3]) > 65535 or (place[4] and not (place[1] or "").startswith("http")):
        raise InputError(f"expected --server grpc://HOST:PORT or http://HOST:PORT, found '{server}'; correct it")
    if named is None:
        raise InputError(f"expected --model NAME or NAME:VERSION of the server, found '{model}'; correct it")
    scheme = place[1] or "grpc"
    secure = scheme in ("grpcs", "https")
    return Served(
        scheme.removesuffix("s") if secure else scheme,
        f"{place[2]}:{place[3]}{place[4]}",
        named[1],
        named[2] or "",
        secure,
    )
