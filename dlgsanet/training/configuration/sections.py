"""The tables of a training configuration as frozen objects. Each default is the plainest behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from dlgsanet.errors import InputError, unknown
from dlgsanet.kernels import KERNELS
from dlgsanet.network.config import ModelConfig, named_config

PRECISIONS = ("fp32", "bf16", "fp16")
SCHEDULES = ("cosine", "step")
LOSSES = ("l1", "charbonnier", "mse")
OPTIMIZERS = ("adam", "muon")
DEVICES = ("auto", "cpu", "cuda")
LARGEST_SIZE = 1 << 16


def require_positive(table: str, **values: float) -> None:
    """Refuse zero and less, naming the key."""
    for key, value in values.items():
        if value <= 0:
            raise InputError(f"expected {table}.{key} above zero, found {value}: correct the configuration")


def require_not_negative(table: str, **values: float) -> None:
    """Refuse less than zero, naming the key."""
    for key, value in values.items():
        if value < 0:
            raise InputError(f"expected {table}.{key} of zero or more, found {value}: correct the configuration")


def require_at_most(table: str, most: int, **values: float) -> None:
    """Refuse more than any machine could hold, naming the key."""
    for key, value in values.items():
        if value > most:
            raise InputError(f"expected {table}.{key} of at most {most}, found {value}: correct the configuration")


def require_known(kind: str, word: str, known: tuple[str, ...]) -> None:
    """Refuse a word that is not in the table, suggesting the nearest."""
    if word not in known:
        raise unknown(kind, word, known)


@dataclass(frozen=True)
class ModelSection:
    """Which network, and the checkpoint (shipped name or path) it starts from, if any."""

    variant: str
    scale: int
    start_from: str = ""

    def __post_init__(self) -> None:
        self.config()

    def config(self) -> ModelConfig:
        """The network's hyperparameters."""
        return named_config(self.variant, self.scale)


@dataclass(frozen=True)
class ImageFolder:
    """HR images to train on, and the folder of their LR partners: "" where they are found by a known layout or made."""

    hr: str
    lr: str = ""


def image_folders(table: str, train: str | tuple[str, ...], lr: tuple[str, ...]) -> tuple[ImageFolder, ...]:
    """`train` of a table, each folder with its partner in `lr`. Raises InputError where one is missing."""
    folders = (train,) if isinstance(train, str) else train
    if not all(folders) or not folders:
        raise InputError(f"expected {table}.train to name a folder, found an empty name: add it")
    if lr and len(lr) != len(folders):
        raise InputError(
            f"expected one {table}.lr folder for each of the {len(folders)} in {table}.train, found "
            f'{len(lr)}: add the missing ones, "" where LR images are to be made'
        )
    return tuple(ImageFolder(*both) for both in zip(folders, lr or ("",) * len(folders), strict=True))


@dataclass(frozen=True)
class DataSection:
    """Folders of HR photographs, and how patches are drawn. `patch` is the LR side in pixels.

    `train` is a folder or several; `lr` names the folder of LR images that belongs to each, where they are
    neither found by a known layout nor to be made. No image of `validation` and `forbidden` may be trained on.
    `batch` counts the patches of one optimizer step, over all processes together. Of `candidates` random
    positions the one with the most detail is taken: many photographs are half sky.
    """

    train: str | tuple[str, ...]
    validation: str = ""
    patch: int = 48
    batch: int = 16
    candidates: int = 1
    lr: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_positive("data", patch=self.patch, batch=self.batch, candidates=self.candidates)
        require_at_most("data", LARGEST_SIZE, patch=self.patch, batch=self.batch, candidates=self.candidates)
        image_folders("data", self.train, self.lr)

    @property
    def folders(self) -> tuple[ImageFolder, ...]:
        """The training folders."""
        return image_folders("data", self.train, self.lr)


@dataclass(frozen=True)
class StageSection:
    """From the share `start` of all steps on: LR patches of `patch` pixels, `batch` of them (0: data.batch), from
    `train` and `lr`, which mean what they mean in [data] (empty: those of [data])."""

    start: float
    patch: int
    batch: int = 0
    train: str | tuple[str, ...] = ()
    lr: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_positive("stages", start=self.start, patch=self.patch)
        require_not_negative("stages", batch=self.batch)
        require_at_most("stages", LARGEST_SIZE, patch=self.patch, batch=self.batch)
        if self.start >= 1:
            raise InputError(f"expected stages.start below 1 (a share of all steps), found {self.start}: correct it")
        if self.lr and not self.train:
            raise InputError("expected stages.train beside stages.lr, found none: add it")
        if self.train:
            image_folders("stages", self.train, self.lr)

    @property
    def folders(self) -> tuple[ImageFolder, ...]:
        """The training folders of this stage; none where it keeps those of [data]."""
        return image_folders("stages", self.train, self.lr) if self.train else ()


@dataclass(frozen=True)
class LossSection:
    """`l1`: mean |SR - HR|. `charbonnier`: mean sqrt((SR - HR)^2 + epsilon^2). `mse`: mean (SR - HR)^2.
    `fft` adds the weighted mean distance of the spectra."""

    kind: str = "l1"
    epsilon: float = 1e-3
    fft: float = 0.0

    def __post_init__(self) -> None:
        require_known("loss", self.kind, LOSSES)
        require_positive("loss", epsilon=self.epsilon)
        require_not_negative("loss", fft=self.fft)


@dataclass(frozen=True)
class DistillSection:
    """Weights of what is learnt from a teacher (shipped name or path) beside HR: its output, its group features."""

    teacher: str = ""
    output: float = 1.0
    features: float = 0.0

    def __post_init__(self) -> None:
        require_not_negative("distill", output=self.output, features=self.features)


@dataclass(frozen=True)
class OptimizerSection:
    """What moves the weights, and the decay of their moving average (which is what is evaluated and shipped).

    `adam` moves all of them at `learning_rate`. `muon` moves the weights of dense convolutions at `matrix_rate`, with
    a decoupled `weight_decay`, and leaves the rest (biases, norms, depthwise weights) to Adam. `clip_norm` limits the
    gradient's norm (0: no limit). A step's patches go through the network in `accumulate` equal parts, which bounds
    memory.
    """

    kind: str = "adam"
    learning_rate: float = 5e-4
    matrix_rate: float = 3e-3
    weight_decay: float = 0.0
    betas: tuple[float, ...] = (0.9, 0.99)
    ema: float = 0.999
    clip_norm: float = 0.0
    accumulate: int = 1

    def __post_init__(self) -> None:
        require_known("optimizer", self.kind, OPTIMIZERS)
        rates = {"learning_rate": self.learning_rate, "matrix_rate": self.matrix_rate}
        require_positive("optimizer", **rates, accumulate=self.accumulate)
        require_not_negative("optimizer", clip_norm=self.clip_norm, weight_decay=self.weight_decay)
        if self.weight_decay and self.kind != "muon":
            raise InputError(
                f'expected optimizer.weight_decay with kind = "muon" (it shrinks matrices), found {self.kind!r}: '
                "leave it out or change the kind"
            )
        if len(self.betas) != 2 or not all(0 <= value < 1 for value in (self.ema, *self.betas)):
            raise InputError("expected optimizer.ema and two optimizer.betas in [0, 1): correct the configuration")


@dataclass(frozen=True)
class ScheduleSection:
    """`cosine` falls to `minimum`; `step` multiplies by `factor` at each milestone (a share of all steps)."""

    steps: int
    kind: str = "cosine"
    warmup: int = 0
    minimum: float = 1e-6
    milestones: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95)
    factor: float = 0.5

    def __post_init__(self) -> None:
        require_known("schedule", self.kind, SCHEDULES)
        require_positive("schedule", steps=self.steps, factor=self.factor)
        require_not_negative("schedule", warmup=self.warmup, minimum=self.minimum)


@dataclass(frozen=True)
class RunSection:
    """Seed, arithmetic and how often things are written.

    `precision` bf16 and fp16 mean autocast (fp16 with a scaled loss); weights stay fp32. `device` auto is CUDA
    where there is one. `compile` sends the network through torch.compile. `kernels` chooses the form of the slowest
    operators (auto: C on a CPU with a compiler). `tensorboard` writes event files.
    """

    seed: int = 0
    precision: str = "fp32"
    threads: int = 0
    log_every: int = 50
    validate_every: int = 1000
    save_every: int = 500
    device: str = "auto"
    compile: bool = False
    kernels: str = "auto"
    channels_last: bool = True
    tensorboard: bool = False

    def __post_init__(self) -> None:
        require_known("precision", self.precision, PRECISIONS)
        require_known("device", self.device, DEVICES)
        require_known("kernels", self.kernels, KERNELS)
        require_positive(
            "run", log_every=self.log_every, validate_every=self.validate_every, save_every=self.save_every
        )
        require_not_negative("run", threads=self.threads, seed=self.seed)
        require_at_most("run", LARGEST_SIZE, threads=self.threads)
