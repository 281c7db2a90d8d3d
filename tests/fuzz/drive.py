"""One process that reads many mutated inputs: `python -m tests.fuzz.drive KIND SEED FIRST LAST FOLDER`.

It prints a line for each input: its number and what became of it. A death leaves the number of the culprit as the
last one begun. `python -m tests.fuzz.drive KIND FILE` reads one kept file again and lets every error through.
"""

from __future__ import annotations

import random
import resource
import signal
import sys
import traceback
from pathlib import Path

from dlgsanet.errors import EdgeError, ExitCode
from tests.fuzz.mutations import mutated
from tests.fuzz.readers import READERS, Disagreement
from tests.fuzz.seeds import SEEDS, Seed

MEMORY = 6 << 30  # of addresses: torch alone maps much
CPU_SECONDS = 10.0


def input_of(seeds: list[Seed], seed: int, number: int) -> Seed:
    """Input `number`: it follows from the seed alone, so a failing one is made again without the others."""
    draw = random.Random(f"{seed}-{number}")
    suffix, data = draw.choice(seeds)
    return suffix, mutated(draw, data, draw.choice(seeds)[1], suffix)


def outcome(kind: str, path: Path) -> str:
    """`read`, `refused`, `disagreements`, `wrong_codes` or `tracebacks`; the last three are explained on stderr."""
    try:
        READERS[kind](path)
    except BaseException as error:  # noqa: BLE001 - whatever else comes out is what is looked for
        if isinstance(error, EdgeError) and error.exit_code in (ExitCode.USAGE, ExitCode.UNAVAILABLE):
            return "refused"
        traceback.print_exc()
        if isinstance(error, EdgeError):
            return "wrong_codes"
        return "disagreements" if isinstance(error, Disagreement) else "tracebacks"
    return "read"


def main(kind: str, seed: int, first: int, last: int, folder: Path) -> None:
    seeds = list(SEEDS[kind]())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # dies where it hangs, also inside a library
    for number in range(first, last):
        suffix, data = input_of(seeds, seed, number)
        path = folder / f"{kind}{suffix}"
        path.write_bytes(data)
        print(number, end=" ", flush=True)
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        print(outcome(kind, path), flush=True)
        signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        READERS[sys.argv[1]](Path(sys.argv[2]))
    else:
        main(sys.argv[1], *map(int, sys.argv[2:5]), Path(sys.argv[5]))  # type: ignore[arg-type]
