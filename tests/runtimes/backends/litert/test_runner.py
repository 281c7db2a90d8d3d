"""LiteRT: what its delegate took is said, so is how the weights are stored; pictures have their channels last."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dlgsanet.errors import InputError, UnavailableError
from runtimes import open_runner
from runtimes.bundle.manifest import read_manifest
from tests.runtimes.backends.litert.litert_kit import NAME, add_artifact, tiny_tflite

pytest.importorskip("ai_edge_litert")


@pytest.fixture
def lr() -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)


@pytest.fixture
def made(bundle, kit):
    add_artifact(bundle, kit, tiny_tflite(kit))
    return bundle


def test_the_delegate_and_the_precision_are_told(made, kit, lr):
    with open_runner(made, NAME, threads=1) as run:
        assert (run.info.device, run.info.reported_precision, run.info.threads) == ("CPU (XNNPACK)", "fp32", 1)
        assert run.info.precision_mismatch is None
        assert run.macs() == {"fp32": 16 * 16 * kit.weight.size}
        np.testing.assert_allclose(run.infer(lr), kit.numpy(lr), atol=1e-5)


@pytest.mark.parametrize(("weights", "precision"), [("fp16", "fp16"), ("int8", "int8w")])
def test_small_weights_are_read_back_from_the_file(bundle, kit, lr, weights, precision):
    add_artifact(bundle, kit, tiny_tflite(kit, weights=weights), precision)
    with open_runner(bundle, f"litert-{precision}", threads=1) as run:
        assert run.info.reported_precision == precision
        error = np.abs(run.infer(lr) - kit.numpy(lr)).max()
    assert 1e-6 < error < 0.02


def test_a_file_that_is_not_what_its_name_says_is_seen(bundle, kit):
    add_artifact(bundle, kit, tiny_tflite(kit), "fp16")
    with open_runner(bundle, "litert-fp16", threads=1) as run:
        assert "fp16 was requested" in (run.info.precision_mismatch or "")


def test_pictures_in_bytes(bundle, kit, lr):
    add_artifact(bundle, kit, tiny_tflite(kit, image=True), image=True)
    with open_runner(bundle, NAME, threads=1) as run:
        sr = run.infer(lr)
    expected = np.clip(kit.numpy(np.rint(lr * 255) / np.float32(255)), 0, 1)
    assert np.abs(sr - expected).max() <= 0.5 / 255 + 1e-5
    assert np.array_equal(np.rint(sr * 255), np.rint(sr * 255).astype(np.uint8))


def test_the_inside_is_shown_with_channels_first(made, kit, lr):
    with open_runner(made, NAME, threads=1, taps=("maps",)) as run:
        sr, inside = run.inspect(lr)
    assert inside["maps"].shape == (1, 12, 16, 16)
    np.testing.assert_allclose(sr, kit.numpy(lr), atol=1e-5)


def test_a_tensor_that_is_not_there_is_refused(made):
    with pytest.raises(InputError, match="not in the file"), open_runner(made, NAME, taps=("nothing",)):
        pass


def test_other_devices_are_refused(made):
    with pytest.raises(UnavailableError, match="no device 'GPU'"), open_runner(made, NAME, device="GPU"):
        pass


def test_a_damaged_file_is_the_files_fault(bundle, kit):
    add_artifact(bundle, kit, tiny_tflite(kit)[:200])
    with pytest.raises(InputError, match="export it again"), open_runner(bundle, NAME, threads=1):
        pass


def test_a_damaged_file_is_verified_before_its_inside_is_shown(bundle, kit):
    add_artifact(bundle, kit, tiny_tflite(kit)[:200])
    with pytest.raises(InputError, match="export it again"), open_runner(bundle, NAME, threads=1, taps=("maps",)):
        pass


def test_a_name_that_is_no_text_is_the_files_fault(bundle, kit):
    """The engine takes such a file, and stumbles over it when it is asked for its tensors."""
    data = tiny_tflite(kit)
    assert b"maps" in data
    add_artifact(bundle, kit, data.replace(b"maps", b"m\x8aps"))
    with pytest.raises(InputError, match="export it again"), open_runner(bundle, NAME, threads=1):
        pass


def test_a_file_of_another_size_than_the_manifests_is_refused(bundle, kit):
    made = add_artifact(bundle, kit, tiny_tflite(kit))
    sides = replace(made.input, shape=(1, 24, 16, 3)), replace(made.output, shape=(1, 48, 32, 3))
    artifacts = [
        *read_manifest(bundle).artifacts[:-1],
        replace(made, id="litert-fp32-24x16", tile=(24, 16), input=sides[0], output=sides[1]),
    ]
    kit.write(bundle, kit.manifest(artifacts))
    with pytest.raises(InputError, match="24"), open_runner(bundle, "litert-fp32", threads=1):
        pass


def test_a_file_of_another_shape_is_refused(made):
    known = read_manifest(made)
    last = known.artifacts[-1]
    port = replace(last.input, name="other")
    changed = replace(known, artifacts=(*known.artifacts[:-1], replace(last, input=port)))
    from runtimes.bundle.manifest import manifest_json

    (made / "manifest.json").write_text(manifest_json(changed))
    with pytest.raises(InputError, match="expected 'other'"), open_runner(made, NAME, threads=1):
        pass
