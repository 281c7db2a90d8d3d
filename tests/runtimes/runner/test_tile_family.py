"""Several tiles of one artifact: each image runs on the nearest one, and the engines come and go together."""

from __future__ import annotations

import numpy as np
import pytest

from dlgsanet.errors import InputError, UnavailableError
from runtimes import open_runner
from runtimes.backends.torch.runner import TorchRunner
from runtimes.runner.tile_family import FamilyRunner, PictureSizes


def test_each_image_goes_to_the_nearest_tile(kit):
    used = []

    def member(tile):
        def function(x):
            used.append(x.shape[2:])
            return kit.numpy(x)

        return TorchRunner(function, 2, tile, f"tiny-{tile[1]}")

    with FamilyRunner("tiny", [member((16, 16)), member((16, 24))]) as run:
        assert run.tiles == ((16, 16), (16, 24))
        assert run.tile == (16, 24)
        assert run.info.artifact == "tiny"
        for height, width, expected in ((3, 5, 16), (16, 16, 16), (16, 20, 24), (16, 24, 24), (30, 16, 16)):
            lr = np.random.default_rng(width).random((1, 3, height, width), dtype=np.float32)
            used.clear()
            assert run(lr, overlap=4).shape == (1, 3, 2 * height, 2 * width)
            assert set(used) == {(16, expected)}
        with pytest.raises(InputError, match="one tile of 16x16 or 16x24"):
            run.infer(np.zeros((1, 3, 24, 16), np.float32))


def test_a_tile_whose_pixels_cost_more_is_left_to_images_that_need_it(kit):
    members = [TorchRunner(kit.numpy, 2, tile, f"tiny-{tile[1]}") for tile in ((16, 16), (16, 32))]
    dear = FamilyRunner("tiny", members, {(16, 16): 1.0, (16, 32): 1.2})
    assert FamilyRunner("tiny", members).tile_for((16, 32), 0) == (16, 32)
    assert dear.tile_for((16, 32), 0) == (16, 16)
    assert dear.tile_for((16, 32), 8) == (16, 32)  # three tiles of 16 then


def test_only_the_tiles_that_pictures_go_to_are_opened(kit, monkeypatch: pytest.MonkeyPatch):
    sizes = ((16, 16), (16, 24), (24, 24))
    opened: list[str] = []
    usual = TorchRunner._open
    monkeypatch.setattr(TorchRunner, "_open", lambda runner: opened.append(runner._described.artifact) or usual(runner))
    members = [TorchRunner(kit.numpy, 2, tile, f"{tile[0]}x{tile[1]}") for tile in sizes]
    asked = PictureSizes(frozenset({(16, 24), (5, 20), (16, 40)}), 4)
    whole = FamilyRunner("tiny", members)
    with whole.only_for(asked) as run:
        assert run.tiles == ((16, 24),) and opened == ["16x24"] and run.info.artifact == "tiny"
        assert all(run.tile_for(size, 4) == whole.tile_for(size, 4) for size in asked.sizes)
    assert whole.only_for(PictureSizes(frozenset(), 4)) is whole


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_family_of_a_bundle(bundle, kit, picture, backend):
    pytest.importorskip(backend)
    runner = open_runner(bundle, f"{backend}-fp32", threads=1)
    with runner as run:
        assert isinstance(run, FamilyRunner)
        assert run.info.artifact == f"{backend}-fp32"
        family = run(picture, overlap=4)
    tile = runner.tile_for((37, 50), 4)
    with open_runner(bundle, f"{backend}-fp32-{tile[0]}x{tile[1]}", threads=1) as run:
        np.testing.assert_array_equal(run(picture, overlap=4), family)
    with pytest.raises(InputError, match="inside `with"):
        runner(picture)


def test_a_member_that_fails_closes_the_others(kit):
    closed = []

    class Watched(TorchRunner):
        def _close(self):
            closed.append(self.tile)

    class Broken(TorchRunner):
        def _open(self):
            raise UnavailableError("no device")

    members = [Watched(kit.numpy, 2, (16, 16), "good"), Broken(kit.numpy, 2, (16, 24), "bad")]
    runner = FamilyRunner("tiny", members)
    with pytest.raises(UnavailableError):
        runner.__enter__()
    assert closed == [(16, 16)]
    with pytest.raises(InputError, match="inside `with"):
        _ = runner.info
