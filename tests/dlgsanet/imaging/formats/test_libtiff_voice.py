"""What libtiff says on stderr is not heard; what others say is."""

from __future__ import annotations

import os

import pytest

from dlgsanet.imaging.formats.libtiff_voice import silenced


def test_remarks_of_libtiff_alone_are_kept_back(capfd: pytest.CaptureFixture[str]) -> None:
    with silenced():
        os.write(2, b"LZWDecode: Strip 0 not terminated with EOI code.\nstep 3 of 5: cat.png\n")
        os.write(2, b'PredictorSetup: Floating point "Predictor" not supported with 1 data format.\n')
        os.write(2, b"ZIPDecode: ZLib error: .\ntempfile.tif: Using code not yet in table.\n")
    os.write(2, b"Fax4Decode: said outside\n")
    assert capfd.readouterr().err == "step 3 of 5: cat.png\nFax4Decode: said outside\n"


def test_stderr_is_given_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="decoder"), silenced():
        raise OSError("decoder error -2")
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"
