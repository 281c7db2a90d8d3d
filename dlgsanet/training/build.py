"""From a configuration to what the loop needs: the network, its objective, the images and the drawing of batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dlgsanet.checkpoints import build_model, read_checkpoint
from dlgsanet.errors import InputError
from dlgsanet.network.config import ModelConfig
from dlgsanet.network.model import DLGSANet
from dlgsanet.training.configuration.read import Drawing, TrainConfig
from dlgsanet.training.configuration.sections import ImageFolder
from dlgsanet.training.data.batches import Batch, Draw
from dlgsanet.training.data.leakage import refuse_leaks
from dlgsanet.training.data.pixel_store import PatchStore, open_store
from dlgsanet.training.data.sampler import PatchSampler
from dlgsanet.training.loop import Recipe
from dlgsanet.training.objective import Distillation, ImageLoss, Objective, Taps, matching_groups
from dlgsanet.training.process.workers import Worker

Preparing = Callable[[str, int, int], None]  # folder, images done, images in all
Stores = Mapping[ImageFolder, PatchStore]


def recipe(config: TrainConfig) -> Recipe:
    """The part of the configuration that the loop reads."""
    return Recipe(config.schedule, config.optimizer, config.run.precision)


def initial_model(config: TrainConfig) -> DLGSANet:
    """The network with its first weights: random, or those of `model.start_from`. Raises InputError."""
    model = DLGSANet(config.model.config())
    if config.model.start_from:
        _copy_fitting(read_checkpoint(config.model.start_from).state, model, config.model.config())
    return model


def initial_objective(config: TrainConfig, device: torch.device) -> Objective:
    """The network on its device, and what it is asked to do. Raises InputError for an unfit teacher."""
    model, loss = initial_model(config), ImageLoss(config.loss)
    objective = Objective(model, loss) if not config.distill.teacher else _distillation(config, model, loss)
    objective.to(device)
    if config.run.channels_last:
        # Twice as fast on a CPU: the 1x1 and the depthwise convolutions gain. (torch's stubs lack this form of `to`.)
        objective.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return objective


def notes(config: TrainConfig) -> tuple[str, ...]:
    """What a user should know about how the run's checkpoints are read, one line each. Raises InputError."""
    return read_checkpoint(config.distill.teacher).notes if config.distill.teacher else ()


def _distillation(config: TrainConfig, model: DLGSANet, loss: ImageLoss) -> Distillation:
    teacher = build_model(read_checkpoint(config.distill.teacher))
    if teacher.scale != model.scale:
        raise InputError(
            f"expected a distill.teacher of scale {model.scale}, found x{teacher.scale}: choose one of the same scale"
        )
    taps = matching_groups(model.config.groups, teacher.config.groups) if config.distill.features else Taps()
    return Distillation(model, teacher, config.distill, loss, taps)


def _copy_fitting(source: Mapping[str, Tensor], model: DLGSANet, wanted: ModelConfig) -> None:
    """Start from other weights: all tensors of the same shape. Only the upsampler may differ (another scale)."""
    own = model.state_dict()
    odd = [key for key in own if key not in source or source[key].shape != own[key].shape]
    if any(not key.startswith("upsample.") for key in odd):
        raise InputError(f"expected model.start_from to be a {wanted.variant} network, found other shapes in {odd[0]}")
    model.load_state_dict({**own, **{key: source[key] for key in own if key not in odd}})


def open_stores(config: TrainConfig, cache: Path, worker: Worker, preparing: Preparing) -> Stores:
    """The training images, prepared by one process of each machine; test images among them are refused."""
    with worker.first_on_machine():
        stores = {
            one: open_store(one.hr, config.model.scale, cache, partial(preparing, Path(one.hr).name), one.lr)
            for one in config.folders()
        }
        if worker.local_rank == 0:
            refuse_leaks(tuple(stores.values()), [*config.data.forbidden, *filter(None, [config.data.validation])])
    return stores


def samplers(config: TrainConfig, stores: Stores) -> dict[Drawing, PatchSampler]:
    """A sampler for each stage of the run. Raises InputError when no image is large enough for one."""
    return {
        one: PatchSampler([stores[folder] for folder in one.folders], one.patch, config.data.candidates)
        for one in config.drawings
    }


def drawer(config: TrainConfig, samplers: Mapping[Drawing, PatchSampler], worker: Worker) -> Draw:
    """Batches of this process, as the stage of each step wants them."""
    pinned = worker.device.type == "cuda"  # page-locked memory is copied to a GPU while it computes
    form = torch.channels_last if config.run.channels_last else torch.contiguous_format

    def draw(step: int, rng: np.random.Generator) -> Batch:
        drawing = config.drawing(step)
        lr, hr = (torch.from_numpy(part) for part in samplers[drawing].batch(drawing.batch, rng, worker.share))
        lr = lr.to(memory_format=form)
        return (lr.pin_memory(), hr.pin_memory()) if pinned else (lr, hr)

    return draw
