from __future__ import annotations

import numpy as np
import pytest

from benchmarks.latency import speed_limits as limits
from benchmarks.latency.speed_limits import copy_limit, product_limits
from runtimes.backends.openvino import product as openvino_product
from runtimes.machine.processor import overflows_int8
from runtimes.runner.work_by_precision import Layer


def test_every_engine_multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    found = product_limits([("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "fp32")], 1)
    assert list(found) == [("onnxruntime", "fp32"), ("openvino", "fp32")]
    random = np.random.default_rng(0)
    a, b = (random.random((limits.PRODUCT_SIDE,) * 2, np.float32) for _ in range(2))
    for limit in found.values():
        assert limit.unit == "MAC" and limit.amount == limits.PRODUCT_SIDE**3
        (product,) = list(limit.task()) if isinstance(limit.task(), list) else limit.task().values()
        assert np.allclose(product, a @ b, rtol=1e-4)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_integers_are_multiplied_as_integers(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    pytest.importorskip(backend)
    found = product_limits([(backend, "int8")], 1)
    if backend == "openvino" and not found:
        pytest.skip("this CPU has no int8 in OpenVINO")
    task = found[backend, "int8"].task
    a, b = task.args  # type: ignore[attr-defined]
    assert (a.dtype, b.dtype) == (np.uint8, np.int8)
    if overflows_int8():
        pytest.skip("this processor has no VNNI: sums of INT8 products overflow")
    (product,) = result if isinstance(result := task(), list) else result.values()  # type: ignore[attr-defined]
    zero = 128.0 if product.dtype == np.uint8 else 0.0
    exact = (a.astype(np.float64) - 128) / 255 @ (b.astype(np.float64) / 127)
    assert np.abs(product - zero - exact).max() < 0.51
    assert exact.std() > 6


def test_what_cannot_run_is_left_out() -> None:
    assert product_limits([("onnxruntime", "bf16"), ("fake", "fp32")], 1) == {}


@pytest.mark.parametrize("threads", [1, 3])
def test_a_copy_reads_and_writes_all_bytes(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(limits, "COPIED", 4096)
    limit = copy_limit(threads)
    limit.task()
    assert limit.unit == "B" and limit.amount == 2 * 4096


def test_precisions_without_a_product_are_left_out() -> None:
    assert product_limits([("openvino", "int8-mixed"), ("openvino", "int8w"), ("onnxruntime", "int8w")], 1) == {}


def test_an_engine_that_does_not_multiply_integers_has_no_such_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setattr(openvino_product, "layers", lambda compiled: iter((Layer("fp32", 1),)))
    assert product_limits([("openvino", "int8")], 1) == {}
