"""All faults."""

from __future__ import annotations

from benchmarks.studies.planted_faults import constant_faults, output_faults, run_faults
from benchmarks.studies.planted_faults.fault import ConstantFault, OutputFault, PlantedFault
from benchmarks.studies.planted_faults.study import FaultKind

FAULTS: tuple[PlantedFault, ...] = (*output_faults.FAULTS, *constant_faults.FAULTS, *run_faults.FAULTS)


def kind(fault: PlantedFault) -> FaultKind:
    """The fault in words."""
    if isinstance(fault, OutputFault):
        return FaultKind(fault.name, fault.does, "output")
    return FaultKind(fault.name, fault.does, "constants" if isinstance(fault, ConstantFault) else "run")
