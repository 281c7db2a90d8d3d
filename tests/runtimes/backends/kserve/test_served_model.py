from __future__ import annotations

from typing import Any

import pytest

from dlgsanet.errors import InputError
from runtimes.backends.kserve.served_model import ServedModel, read_model


def told(entering: list[Any] | None = None, leaving: list[Any] | None = None, datatype: str = "FP32") -> dict[str, Any]:
    return {
        "platform": "p",
        "inputs": [{"name": "lr", "datatype": datatype, "shape": entering or [1, 3, 8, 12]}],
        "outputs": [{"name": "sr", "datatype": "FP32", "shape": leaving or [1, 3, 32, 48]}],
    }


def test_names_tile_and_scale() -> None:
    assert read_model(told(), "m") == ServedModel("lr", "sr", (8, 12), 4, "p")


def test_grpc_tells_its_numbers_as_text() -> None:
    assert read_model(told(["1", "3", "8", "12"], ["-1", "3", "16", "24"]), "m").scale == 2


def test_open_sizes_tell_no_scale() -> None:
    found = read_model(told([-1, 3, -1, -1], [-1, 3, -1, -1]), "m")
    assert found.tile is None and found.scale is None


@pytest.mark.parametrize(
    "wrong",
    [
        told(datatype="UINT8"),
        told([1, 8, 12, 3]),
        told([3, 8, 12]),
        told(leaving=[1, 3, 33, 48]),
        told(leaving=[1, 3, 32, 24]),
        told(["x", 3, 8, 12]),
        {"inputs": [], "outputs": []},
        {**told(), "inputs": told()["inputs"] * 2},
        {"inputs": "lr"},
        [],
        None,
    ],
)
def test_a_model_that_is_none_of_pictures_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="'m'"):
        read_model(wrong, "m")
