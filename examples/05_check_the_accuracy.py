"""The accuracy gate, as `dlgsanet check` runs it, and its result read as typed records."""

import sys

from benchmarks.records.accuracy import AccuracyRecord
from benchmarks.records.result_file import read_result
from dlgsanet.__main__ import main


def check() -> int:
    code = main(["check", "bundle", "--artifact", "openvino-fp32", "--json", "check.json"])  # 1 if a gate failed
    for record in read_result("check.json").records:
        if isinstance(record, AccuracyRecord):
            print(record.artifact, record.gate, f"{record.to_reference_db:.1f} dB to the reference")
    return code


if __name__ == "__main__":  # each artifact runs in a process of its own, which reads this file again
    sys.exit(check())
