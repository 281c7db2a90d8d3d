from __future__ import annotations

import pytest

from dlgsanet.errors import InputError
from runtimes.backends.kserve.address import Served, parse_served


@pytest.mark.parametrize(
    "server, model, expected",
    [
        ("grpc://box:8001", "nano", Served("grpc", "box:8001", "nano")),
        ("box:8001", "nano", Served("grpc", "box:8001", "nano")),
        ("https://box.example:443/v/", "nano:2", Served("http", "box.example:443/v", "nano", "2", True)),
        ("grpcs://[::1]:8001", "a-b_c.d", Served("grpc", "[::1]:8001", "a-b_c.d", "", True)),
    ],
)
def test_what_users_write(server: str, model: str, expected: Served) -> None:
    assert parse_served(server, model) == expected


@pytest.mark.parametrize("server", ["", "box", "box:", "box:99999", "ftp://box:1", "grpc://box:8001/path", "box:1 2"])
def test_what_is_no_address_is_refused_with_an_example(server: str) -> None:
    with pytest.raises(InputError, match="grpc://HOST:PORT"):
        parse_served(server, "nano")


def test_the_model_must_be_named() -> None:
    with pytest.raises(InputError, match="--model NAME"):
        parse_served("box:8001", None)
    for name in ("", "a b", "a:b", "/a"):
        with pytest.raises(InputError, match="NAME:VERSION"):
            parse_served("box:8001", name)


def test_it_shares_memory_only_with_this_machine() -> None:
    assert parse_served("localhost:8001", "m").is_here and parse_served("http://127.0.0.1:1/p", "m").is_here
    assert not parse_served("box:8001", "m").is_here
