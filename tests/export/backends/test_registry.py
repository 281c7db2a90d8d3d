from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest

from dlgsanet.errors import BackendError
from export.backends import registry
from export.backends.backend import Backend
from export.targets.discovery import Found
from export.targets.row import Row


def test_the_versions_that_count_are_those_of_the_backends() -> None:
    assert registry.tools() == (
        *(
            "torch",
            "numpy",
            "onnx",
            "onnxruntime",
            "openvino",
            "nncf",
            "coremltools",
            "tensorrt-rtx",
            "ai-edge-litert",
            "executorch",
            "torchao",
        ),
    )
    assert set(registry.timed_tools()) == {"numpy", "onnxruntime", "openvino", "nncf", "ai-edge-litert"}


def test_every_backend_with_int8_rows_has_a_quantizer() -> None:
    for backend in registry.backends():
        if any(row.calibrated for row in backend.rows):
            assert registry.quantizer_of(backend.name).suffix in (".onnx", ".xml")


def test_every_choice_of_int8_layers_is_held_against_the_probe_tiles_by_some_engine() -> None:
    """One that cannot be timed here has a stand-in, which runs graphs of its quantizer."""
    for backend in registry.backends():
        if any(row.calibrated for row in backend.rows):
            runs = registry.backend_of(backend.stand_in) if backend.not_timed else backend
            assert not runs.not_timed
            assert registry.quantizer_of(runs.name).suffix == registry.quantizer_of(backend.name).suffix


@pytest.fixture
def bring(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, object]], None]:
    """(name -> entry) -> these are all backends that there are."""

    def make(entries: Mapping[str, object]) -> None:
        monkeypatch.setattr(registry, "discover", lambda: Found(entries, {}))  # type: ignore[arg-type]

    return make


def test_what_is_no_backend_is_named(bring: Callable[[Mapping[str, object]], None]) -> None:
    bring({"odd": SimpleNamespace(name="odd", rows=(), refused={}, aliases=())})
    with pytest.raises(BackendError, match=r"'odd': expected an export\.backends\.backend\.Backend"):
        registry.backend_of("odd")


def test_int8_rows_without_a_quantizer_are_named(bring: Callable[[Mapping[str, object]], None]) -> None:
    row = Row("bare", "int8", "export", (), (), "basis", "", "")
    bring({"bare": Backend(name="bare", rows=(row,), write=lambda order: pytest.fail("nothing is written"))})
    with pytest.raises(BackendError, match="'bare' has INT8 rows and no quantizer"):
        registry.quantizer_of("bare")
