"""Fuzz every reader: `python -m tests.fuzz INPUTS -o FILE` (`make fuzz`). Exit code 1 if anything went wrong.

What went wrong is kept in build/fuzz by its kind, seed and number, and read again by
`python -m tests.fuzz.drive KIND FILE`.
"""

from __future__ import annotations

import argparse
import hashlib
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.records.study_file import write_study
from tests.fuzz.counts import FuzzCounts, FuzzRow, fuzz_table
from tests.fuzz.drive import input_of
from tests.fuzz.seeds import ROOT, SEEDS

KEPT = ROOT / "build" / "fuzz"
SHARES = {
    "images": 30,
    "checkpoints": 15,
    "manifests": 15,
    "results": 8,
    "toml": 9,
    "onnx": 20,
    "irs": 1,
    "packages": 2,
}
WRONG = ("crashes", "hangs", "tracebacks", "wrong_codes", "disagreements")


def fuzz(kind: str, seed: int, inputs: int, kept: Path = KEPT) -> FuzzRow:
    """Read `inputs` inputs of a kind in processes of their own; a new one goes on behind each that died."""
    counts: Counter[str] = Counter()
    number = 0
    room = ROOT / "build"  # where the bundle lies, whose files are linked
    room.mkdir(exist_ok=True)
    while number < inputs:
        with tempfile.TemporaryDirectory(dir=room) as folder:
            command = [sys.executable, "-m", "tests.fuzz.drive", kind, *map(str, (seed, number, inputs)), folder]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
        lines = [line.split() for line in done.stdout.splitlines() if line[:1].isdigit()]
        if not lines:
            raise RuntimeError(f"the driver did not start: {done.stderr[-2000:]}")
        if len(lines[-1]) == 1:
            lines[-1].append("hangs" if done.returncode == -signal.SIGPROF else "crashes")
        for index, found in lines:
            counts[found] += 1
            if found in WRONG:
                keep(kind, seed, int(index), found, kept)
        if done.returncode == 0 or any(found in WRONG for _, found in lines):
            kept.mkdir(parents=True, exist_ok=True)
            (kept / f"{kind}.log").write_text(done.stderr)
        number = int(lines[-1][0]) + 1
    return FuzzRow(kind, inputs, counts["read"], counts["refused"], *(counts[name] for name in WRONG))


def keep(kind: str, seed: int, number: int, found: str, kept: Path) -> None:
    """Write the input that went wrong, and say how to read it again."""
    kept.mkdir(parents=True, exist_ok=True)
    suffix, data = input_of(list(SEEDS[kind]()), seed, number)
    path = kept / f"{kind}-{seed}-{number}-{hashlib.sha256(data).hexdigest()[:8]}{suffix}"
    path.write_bytes(data)
    print(f"{found}: python -m tests.fuzz.drive {kind} {path}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("inputs", type=int)
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--kinds", nargs="*", default=list(SHARES))
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    rows = []
    for kind in given.kinds:
        rows.append(fuzz(kind, given.seed, given.inputs * SHARES[kind] // 100))
        print(rows[-1], flush=True)
    print(fuzz_table(rows))
    if given.output:
        write_study(given.output, FuzzCounts(given.seed, tuple(rows)))
    return int(any(getattr(row, name) for row in rows for name in WRONG))


if __name__ == "__main__":
    sys.exit(main())
