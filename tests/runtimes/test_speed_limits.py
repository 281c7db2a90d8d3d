from __future__ import annotations

import numpy as np
import pytest

from runtimes import speed_limits as limits
from runtimes.speed_limits import copy_limit, product_limits


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


def test_what_cannot_run_is_left_out() -> None:
    assert product_limits([("onnxruntime", "int8"), ("fake", "fp32")], 1) == {}


@pytest.mark.parametrize("threads", [1, 3])
def test_a_copy_reads_and_writes_all_bytes(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(limits, "COPIED", 4096)
    limit = copy_limit(threads)
    limit.task()
    assert limit.unit == "B" and limit.amount == 2 * 4096


def test_precisions_without_a_product_are_left_out() -> None:
    assert product_limits([("openvino", "int8"), ("openvino", "int8-mixed"), ("onnxruntime", "int8")], 1) == {}
