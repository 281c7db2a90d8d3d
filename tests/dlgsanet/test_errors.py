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


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("x\x9by\x7f", "x\\x9by\\x7f"),
        ("safe\u202eexe.png", "safe\\u202eexe.png"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("half \udcff", "half \\udcff"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("日本 é \u00a0 😀", "日本 é \u00a0 😀"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text, seen):
    assert errors.visible(text) == seen
    assert errors.visible(seen) == seen


def test_no_error_sends_commands_or_fills_the_screen():
    message = str(errors.InputError("expected a name, found \x1b]0;x\x07" + "y" * 10**6 + "; choose another"))
    assert message.startswith("expected a name, found \\x1b]0;x\\x07yyy") and message.endswith("yyy; choose another")
    assert len(message) == errors.LONGEST_MESSAGE and "..." in message


def test_values_are_cut_in_the_middle():
    assert errors.shown("ab\n") == r"'ab\n'"
    long = errors.shown("a" * 500 + "z" * 500)
    assert len(long) == errors.LONGEST_VALUE and long.startswith("'aaa") and long.endswith("zzz'")
    assert errors.shown(10**10000) == "a value without end"
    assert len(str(errors.unknown("verb", "v" * 10**6, ["train"]))) < 200
