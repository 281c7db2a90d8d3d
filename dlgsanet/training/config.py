"""What a training run does, read from a TOML file into frozen objects; unknown keys are refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from dlgsanet.imaging.errors import InputError, unknown
from dlgsanet.network.config import ModelConfig, named_config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PRECISIONS = ("fp32", "bf16")
SCHEDULES = ("cosine", "step")


@dataclass(frozen=True)
class ModelSection:
    """Which network, and the checkpoint (shipped name or path) it starts from, if any."""

    variant: str
    scale: int
    start_from: str = ""

    def config(self) -> ModelConfig:
        """The network's hyperparameters."""
        return named_config(self.variant, self.scale)


@dataclass(frozen=True)
class DataSection:
    """Folders of HR photographs, and how patches are drawn. `patch` is the LR side in pixels.

    Of `candidates` random positions the one with the most detail is taken: many photographs are half sky.
    """

    train: str
    validation: str = ""
    patch: int = 48
    batch: int = 16
    candidates: int = 1


@dataclass(frozen=True)
class OptimizerSection:
    """Adam, and the decay of the moving average of the weights (which is what is evaluated and shipped)."""

    learning_rate: float = 5e-4
    betas: tuple[float, ...] = (0.9, 0.99)
    ema: float = 0.999
    clip_norm: float = 0.0


@dataclass(frozen=True)
class ScheduleSection:
    """`cosine` falls to `minimum`; `step` multiplies by `factor` at each milestone (a share of all steps)."""

    steps: int
    kind: str = "cosine"
    warmup: int = 0
    minimum: float = 1e-6
    milestones: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95)
    factor: float = 0.5


@dataclass(frozen=True)
class RunSection:
    """Seed, arithmetic and how often things are written. `precision` bf16 means autocast; weights stay fp32."""

    seed: int = 0
    precision: str = "fp32"
    threads: int = 0
    log_every: int = 50
    validate_every: int = 1000
    save_every: int = 500


@dataclass(frozen=True)
class TrainConfig:
    """A whole run."""

    model: ModelSection
    data: DataSection
    schedule: ScheduleSection
    optimizer: OptimizerSection = OptimizerSection()
    run: RunSection = RunSection()

    def __post_init__(self) -> None:
        self.model.config()
        if self.run.precision not in PRECISIONS:
            raise unknown("precision", self.run.precision, PRECISIONS)
        if self.schedule.kind not in SCHEDULES:
            raise unknown("schedule", self.schedule.kind, SCHEDULES)
        positive = {
            "schedule.steps": self.schedule.steps,
            "data.patch": self.data.patch,
            "data.batch": self.data.batch,
            "data.candidates": self.data.candidates,
            "optimizer.learning_rate": self.optimizer.learning_rate,
            "run.log_every": self.run.log_every,
            "run.validate_every": self.run.validate_every,
            "run.save_every": self.run.save_every,
        }
        for key, value in positive.items():
            if value <= 0:
                raise InputError(f"expected {key} above zero, found {value}: correct the configuration")
        if not 0 <= self.optimizer.ema < 1 or len(self.optimizer.betas) != 2:
            raise InputError("expected optimizer.ema in [0, 1) and two optimizer.betas: correct the configuration")

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Fields, as `section.key`, in which a stored configuration differs from this one."""
        mine, theirs = asdict(self), dict(other)
        return [
            f"{section}.{key}"
            for section, values in mine.items()
            for key, value in values.items()
            if _plain(theirs.get(section, {}).get(key)) != _plain(value)
        ]


def read_config(path: str | Path) -> TrainConfig:
    """Read a TOML file. Raises InputError naming the key that is unknown, missing or of the wrong type."""
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the configuration {path} ({error}): check the path") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"expected TOML in {path}, found an error: {error}") from error
    return config_from_dict(content)


def config_from_dict(content: Mapping[str, Any]) -> TrainConfig:
    """The typed configuration of nested tables; InputError for what does not fit."""
    sections = {"model": ModelSection, "data": DataSection, "schedule": ScheduleSection,
                "optimizer": OptimizerSection, "run": RunSection}  # fmt: skip
    for key in content:
        if key not in sections:
            raise unknown("section", key, sections)
    return TrainConfig(
        model=_section(ModelSection, "model", content),
        data=_section(DataSection, "data", content),
        schedule=_section(ScheduleSection, "schedule", content),
        optimizer=_section(OptimizerSection, "optimizer", content),
        run=_section(RunSection, "run", content),
    )


T = TypeVar("T")


def _section(kind: type[T], name: str, content: Mapping[str, Any]) -> T:
    table = content.get(name, {})
    if not isinstance(table, Mapping):
        raise InputError(f"expected a table [{name}], found {table!r}")
    types = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in types:
            raise unknown(f"key in [{name}]", key, types)
        values[key] = _typed(f"{name}.{key}", value, types[key])
    for field in fields(kind):  # type: ignore[arg-type]
        if field.default is MISSING and field.name not in values:
            raise InputError(f"expected {name}.{field.name} in the configuration, found none: add it")
    return kind(**values)


def _typed(key: str, value: Any, kind: Any) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float, str) and type(value) is kind:
        return value
    numbers = isinstance(value, (list, tuple)) and all(isinstance(item, (int, float)) for item in value)
    if numbers and kind not in (int, float, str):
        return tuple(float(item) for item in value)
    wanted = getattr(kind, "__name__", str(kind))
    raise InputError(f"expected {key} of type {wanted}, found {value!r}: correct the configuration")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
