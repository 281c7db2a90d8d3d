"""The interpreter as a runner: packages as they lie on the disk, strict fp16, and what was tampered with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlgsanet.errors import EdgeError, InputError
from runtimes import open_runner
from runtimes.backends.coreml import REFERENCE
from runtimes.backends.coreml.mil.program import read_model
from runtimes.backends.coreml.reference import SPECIFICATION, MilRunner
from runtimes.bundle.manifest import read_manifest

MODEL = f"coreml/fp32.mlpackage/{SPECIFICATION}"
BLOB = "coreml/fp32.mlpackage/Data/com.apple.CoreML/weights/weight.bin"


@pytest.fixture
def lr() -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)


def rewrite_file(kit, bundle: Path, path: str, data: bytes) -> None:
    """Exchange a file and its hash, as somebody who wants to be believed would."""
    (bundle / path).write_bytes(data)
    artifact = read_manifest(bundle).artifacts[0]
    kit.rewrite(bundle, 0, files={**artifact.files, path: kit.sha(data)})


def opened(bundle: Path, name: str = "coreml-fp32"):
    return open_runner(bundle, name, device=REFERENCE)


def test_fp32_is_what_the_network_computes(packages, kit, lr) -> None:
    with opened(packages) as run:
        assert np.abs(run.infer(lr) - kit.numpy(lr)).max() < 1e-6
        assert run.info.device == REFERENCE and run.info.reported_precision == "fp32"
        assert run.info.precision_mismatch is None


def test_strict_fp16_rounds_input_weights_and_results(packages, kit, lr) -> None:
    with opened(packages, "coreml-fp16") as run:
        sr = run.infer(lr)
        assert run.info.reported_precision == "fp16"
    assert np.array_equal(sr, sr.astype(np.float16).astype(np.float32))
    error = np.abs(sr - kit.numpy(lr)).max()
    assert 1e-5 < error < 2e-3
    artifact = read_manifest(packages).artifacts[1]
    with MilRunner(packages, artifact, kit.scale, strict=False) as run:
        loose = run.infer(lr)
    assert not np.array_equal(loose, loose.astype(np.float16).astype(np.float32))


def test_a_function_of_a_package_is_read_by_its_name(functions, kit, lr) -> None:
    with opened(functions) as run:
        assert np.abs(run.infer(lr) - kit.numpy(lr)).max() < 1e-6


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("tile_2", "expected a function called tile_2 in the package, found tile; export"),
        ("main", "expected a function called main in the package, found tile; export"),
        (None, "expected one function called main, found tile"),
    ],
)
def test_another_function_than_the_package_has_is_one_line(functions, kit, function, message) -> None:
    kit.rewrite(functions, 0, function=function)
    with pytest.raises(InputError, match=message):
        opened(functions).__enter__()


def test_a_function_that_nothing_describes_is_one_line(packages, kit) -> None:
    """One function of an older package, under the name that it has there."""
    kit.rewrite(packages, 0, function="main")
    with pytest.raises(InputError, match="expected a function called main in the package, found none"):
        opened(packages).__enter__()


def test_a_package_called_fp16_that_computes_in_fp32_is_a_mismatch(packages, kit, lr) -> None:
    fp32 = read_manifest(packages).artifacts[0]
    kit.rewrite(packages, 1, path=fp32.path, files=fp32.files)
    with opened(packages, "coreml-fp16") as run:
        assert "fp16 was requested" in (run.info.precision_mismatch or "")


def test_everything_computed_can_be_observed(packages, kit, lr) -> None:
    seen = {}
    runner = MilRunner(packages, read_manifest(packages).artifacts[0], kit.scale)
    runner.observe = lambda name, value: seen.update({name: value.shape})
    with runner as run:
        run.infer(lr)
    assert seen == {"maps": (1, 12, 16, 16), "shuffled": (1, 3, 32, 32), "sr": (1, 3, 32, 32)}


def test_one_flipped_weight_byte_is_one_line(packages) -> None:
    data = bytearray((packages / BLOB).read_bytes())
    data[200] ^= 1
    (packages / BLOB).write_bytes(data)
    with pytest.raises(InputError, match=r"weight\.bin' was changed after it was written"):
        opened(packages).__enter__()


def test_a_missing_blob_file_is_one_line(packages, kit) -> None:
    (packages / BLOB).unlink()
    with pytest.raises(InputError, match=r"cannot read .*weight\.bin"):
        opened(packages).__enter__()
    files = dict(read_manifest(packages).artifacts[0].files)
    del files[BLOB]
    kit.rewrite(packages, 0, files=files)
    with pytest.raises(InputError, match="which the package does not hold"):
        opened(packages).__enter__()


@pytest.mark.parametrize("cut", [10, 100, 700])
def test_a_blob_file_that_ends_early_is_one_line(packages, kit, cut) -> None:
    rewrite_file(kit, packages, BLOB, (packages / BLOB).read_bytes()[:cut])
    with pytest.raises(InputError, match=r"not a weight file|ends before byte|expected \d+ bytes"):
        opened(packages).__enter__()


def test_a_blob_of_another_type_is_one_line(packages, kit) -> None:
    data = bytearray((packages / BLOB).read_bytes())
    data[68] = 1  # type of the first blob: fp16 in place of fp32
    rewrite_file(kit, packages, BLOB, bytes(data))
    with pytest.raises(InputError, match=r"expected \d+ bytes of fp32, found \d+ of fp16"):
        opened(packages).__enter__()


def test_an_unsupported_specification_version_is_one_line(packages, kit) -> None:
    data = (packages / MODEL).read_bytes()
    assert data[:2] == b"\x08\x08"  # field 1, version 8
    rewrite_file(kit, packages, MODEL, b"\x08\x63" + data[2:])
    with pytest.raises(InputError, match="version 7 to 10, found 99") as caught:
        opened(packages).__enter__()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"pixel_shuffle", b"pixel_scuffle", "operator pixel_scuffle .* is not known"),
        (b"upscale_factor", b"upscale_factos", "parameter upscale_factos is not known"),
        (b"\x0a\x08pad_type", b"\x0a\x08pad_typo", "parameter pad_typo is not known"),
    ],
)
def test_what_is_unknown_is_named_and_never_skipped(packages, kit, old, new, message) -> None:
    data = (packages / MODEL).read_bytes()
    assert old in data
    rewrite_file(kit, packages, MODEL, data.replace(old, new))
    with pytest.raises(InputError, match=message):
        opened(packages).__enter__()


def test_another_shape_than_the_manifest_says_is_refused(packages, kit) -> None:
    artifact = read_manifest(packages).artifacts[0]
    wide = kit.artifact("coreml", "fp32", kit.wide, artifact.path, dict(artifact.files))
    kit.write(packages, kit.manifest([wide]))
    with pytest.raises(InputError, match=r"expected 'lr' of shape \[1, 3, 16, 24\]"):
        opened(packages).__enter__()


def test_an_array_is_no_picture(packages, kit) -> None:
    from dataclasses import replace

    port = read_manifest(packages).artifacts[0].input
    kit.rewrite(packages, 0, input=replace(port, layout="NCHW pixels", dtype="uint8", range=(0.0, 255.0)))
    with pytest.raises(InputError, match="is not NCHW pixels in the package"):
        opened(packages).__enter__()


def test_random_damage_of_the_program_never_escapes_as_another_error(packages, kit) -> None:
    data = (packages / MODEL).read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(300):
        broken = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            broken[at] = rng.integers(0, 256)
        try:
            read_model(bytes(broken))
        except EdgeError:
            continue


def test_a_value_that_nothing_makes_is_refused(packages):
    data = (packages / MODEL).read_bytes()
    program = read_model(data)
    name = next(n for n, _ in program.operations[0].outputs).encode()
    at = data.rindex(name)
    with pytest.raises(InputError, match="which nothing makes"):
        read_model(data[:at] + b"?" * len(name) + data[at + len(name) :])
