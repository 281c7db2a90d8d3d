from __future__ import annotations

import pytest

from dlgsanet import errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InputError, 2),
        (errors.UnavailableError, 3),
        (errors.GateError, 1),
        (errors.SpeedGateError, 4),
        (errors.BackendError, 70),
    ],
)
def test_exit_codes_are_those_of_the_command(error, code):
    assert error("x").exit_code == code
    assert isinstance(error("x"), errors.EdgeError)


def test_a_message_is_one_line_whatever_a_library_put_in():
    assert str(errors.InputError("first\n  second\tthird\r\n")) == "first second third"


def test_unknown_names_the_known_and_suggests_the_nearest():
    error = errors.unknown("target", "opnvino-fp32", ["onnxruntime-fp32", "openvino-fp32"])
    assert str(error) == (
        "unknown target 'opnvino-fp32'; known: onnxruntime-fp32, openvino-fp32; did you mean openvino-fp32?"
    )


def test_unknown_suggests_nothing_far_away():
    assert errors.nearest("zzz", ["openvino-fp32"]) is None
    assert "did you mean" not in str(errors.unknown("target", "zzz", ["openvino-fp32"]))
    assert "known: none" in str(errors.unknown("target", "zzz", []))
