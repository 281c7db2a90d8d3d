"""Latency of two artifacts in turns, so that both see the same machine, and a requirement on their ratio."""

import sys

from benchmarks.records.latency import LatencyRecord
from benchmarks.records.result_file import read_result
from dlgsanet.__main__ import main

REQUIRED = "openvino-fp32<20*onnxruntime-fp32"


def bench() -> int:
    code = main(["bench", "bundle", "--runs", "5", "--require", REQUIRED, "--json", "bench.json"])  # 4 if it fails
    for record in read_result("bench.json").records:
        if isinstance(record, LatencyRecord):
            print(record.artifact, f"{record.p50_ms:.1f} ms")
    return code


if __name__ == "__main__":  # each artifact runs in a process of its own, which reads this file again
    sys.exit(bench())
