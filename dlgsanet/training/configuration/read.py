"""What a training run does, read from a TOML file into frozen objects; unknown keys are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import Any, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from dlgsanet.errors import InputError, shown, unknown
from dlgsanet.storage.toml_file import read_toml
from dlgsanet.training.configuration.sections import (
    DataSection,
    DistillSection,
    ImageFolder,
    LossSection,
    ModelSection,
    OptimizerSection,
    RunSection,
    ScheduleSection,
    StageSection,
)

TABLES = {
    "model": ModelSection,
    "data": DataSection,
    "schedule": ScheduleSection,
    "optimizer": OptimizerSection,
    "loss": LossSection,
    "distill": DistillSection,
    "run": RunSection,
}
STAGES = "stages"  # the one list of tables
LARGEST = 10**12  # of all numbers here
Tables: TypeAlias = dict[str, Any]  # nested tables and lists, as TOML has them


@dataclass(frozen=True)
class Drawing:
    """How the batches of a stage are drawn: LR side of a patch in pixels, patches, and where they are cut from."""

    patch: int
    batch: int
    folders: tuple[ImageFolder, ...]


@dataclass(frozen=True)
class TrainConfig:
    """A whole run. Raises InputError for tables that contradict one another."""

    model: ModelSection
    data: DataSection
    schedule: ScheduleSection
    optimizer: OptimizerSection = field(default_factory=OptimizerSection)
    loss: LossSection = field(default_factory=LossSection)
    distill: DistillSection = field(default_factory=DistillSection)
    run: RunSection = field(default_factory=RunSection)
    stages: tuple[StageSection, ...] = ()

    def __post_init__(self) -> None:
        starts = [stage.start for stage in self.stages]
        if starts != sorted(set(starts)):
            raise InputError(f"expected stages in the order of their start, found {starts}: sort them")
        for drawing in self.drawings:
            if drawing.batch % self.optimizer.accumulate:
                raise InputError(
                    f"expected a batch that is a multiple of optimizer.accumulate = {self.optimizer.accumulate}, "
                    f"found {drawing.batch}: change one of them"
                )
        if self.run.compile and self.distill.features:
            raise InputError(
                "expected run.compile or distill.features, found both: features are tapped inside the network, "
                "which a compiled one hides; drop one"
            )

    def drawing(self, step: int) -> Drawing:
        """How the batch of a step is drawn."""
        begun = sum(step >= stage.start * self.schedule.steps for stage in self.stages)
        return self.drawings[begun]

    @cached_property
    def drawings(self) -> tuple[Drawing, ...]:
        """How batches are drawn, first by [data], then by each of the stages in their order."""
        data = self.data
        later = [Drawing(one.patch, one.batch or data.batch, one.folders or data.folders) for one in self.stages]
        return Drawing(data.patch, data.batch, data.folders), *later

    def folders(self) -> tuple[ImageFolder, ...]:
        """All folders that any stage trains on, each once."""
        return tuple(dict.fromkeys(folder for drawing in self.drawings for folder in drawing.folders))

    def stored(self) -> Tables:
        """Nested dictionaries and lists: what a training state keeps."""
        return _plain_tables(asdict(self))

    def differences(self, other: Mapping[str, object]) -> list[str]:
        """Fields, as `table.key`, in which a stored configuration differs; keys it lacks count as defaults."""
        mine, found = self.stored(), _plain_tables(other)
        different = []
        for table, kind in TABLES.items():
            theirs = {**_defaults(kind), **found.get(table, {})}
            keys = [*mine[table], *(key for key in theirs if key not in mine[table])]
            different += [f"{table}.{key}" for key in keys if theirs.get(key) != mine[table].get(key)]
        if [{**_defaults(StageSection), **stage} for stage in found.get(STAGES, [])] != mine[STAGES]:
            different.append(STAGES)
        return different


def read_config(path: str | Path) -> TrainConfig:
    """Read a TOML file. Raises InputError naming the key that is unknown, missing or of the wrong type."""
    return config_from_dict(read_toml(path))


def config_from_dict(content: Mapping[str, object]) -> TrainConfig:
    """The typed configuration of nested tables; InputError for what does not fit."""
    for key in content:
        if key not in TABLES and key != STAGES:
            raise unknown("section", key, [*TABLES, STAGES])
    stages = content.get(STAGES, [])
    if not isinstance(stages, (list, tuple)):
        raise InputError(f"expected tables [[{STAGES}]], found {shown(stages)}")
    return TrainConfig(
        model=_section(ModelSection, "model", content.get("model", {})),
        data=_section(DataSection, "data", content.get("data", {})),
        schedule=_section(ScheduleSection, "schedule", content.get("schedule", {})),
        optimizer=_section(OptimizerSection, "optimizer", content.get("optimizer", {})),
        loss=_section(LossSection, "loss", content.get("loss", {})),
        distill=_section(DistillSection, "distill", content.get("distill", {})),
        run=_section(RunSection, "run", content.get("run", {})),
        stages=tuple(_section(StageSection, STAGES, stage) for stage in stages),
    )


T = TypeVar("T")


def _section(kind: type[T], name: str, table: object) -> T:
    if not isinstance(table, Mapping):
        raise InputError(f"expected a table [{name}], found {shown(table)}")
    types = get_type_hints(kind)
    values: dict[str, object] = {}
    for key, value in table.items():
        if key not in types:
            raise unknown(f"key in [{name}]", key, types)
        values[key] = _typed(f"{name}.{key}", value, types[key])
    for one in _fields(kind):
        if one.default is MISSING and one.name not in values:
            raise InputError(f"expected {name}.{one.name} in the configuration, found none: add it")
    return kind(**values)


def _typed(key: str, value: object, kind: object) -> object:
    """`value` as the type of its field: a scalar, a list of one scalar type, or a choice of these."""
    choices = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    for choice in choices:
        if get_origin(choice) is tuple and isinstance(value, (list, tuple)):
            item = get_args(choice)[0]
            return tuple(_typed(key, one, item) for one in value)
        if choice in (int, float) and type(value) in (int, float):
            _require_bounded(key, value)
        if choice is float and type(value) is int:
            return float(value)
        if type(value) is choice:
            return value
    wanted = " or ".join(getattr(choice, "__name__", str(choice)) for choice in choices)
    raise InputError(f"expected {key} of type {wanted}, found {shown(value)}: correct the configuration")


def _require_bounded(key: str, value: object) -> None:
    """Refuse what no setting can be: NaN passes every comparison, and sizes beyond all memory end far from here."""
    assert isinstance(value, (int, float))
    if not -LARGEST <= value <= LARGEST:
        raise InputError(f"expected {key} within {LARGEST:g}, found {shown(value)}: correct the configuration")


def _fields(kind: type[T]) -> tuple[Field[object], ...]:
    """Of a section: all of them are dataclasses."""
    return fields(kind)  # type: ignore[arg-type]


def _defaults(kind: type[T]) -> dict[str, object]:
    return {one.name: _plain(one.default) for one in _fields(kind) if one.default is not MISSING}


def _plain_tables(content: Mapping[str, object]) -> Tables:
    return {key: _plain(value) for key, value in content.items()}


def _plain(value: object) -> object:
    """Tuples as lists: what `torch.load(weights_only=True)` reads back, and what TOML gives."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
