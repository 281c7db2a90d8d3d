#!/usr/bin/env bash
# tests/gpu/gpu.sh [MODEL] [FOLDER]: everything that needs an NVIDIA GPU, in one go, on a machine that has one.
# Torch on CUDA against the CPU (tests/gpu), its times, then TensorRT or TensorRT-RTX where one is installed (RTX knows
# SM75 to SM121 but neither SM87, SM90 nor SM110). Leaves FOLDER/report.html beside the result files it is made of.
# Exit code 3 without a GPU. Never run by the project: its machines have none.
set -euo pipefail
cd "$(dirname "$0")/../.."
model=${1:-tiny-x4}
out=${2:-runs/gpu}
python=${PYTHON:-.venv/bin/python}
mkdir -p "$out"
$python -c 'import sys, torch; sys.exit(0 if torch.cuda.is_available() else 3)' ||
  { echo "not run here: no NVIDIA GPU (torch sees no CUDA device)" >&2; exit 3; }
$python -m pytest -m gpu tests/gpu | tee "$out/tests.txt"
$python -m benchmarks.studies.gpu.torch_forms "$model" -o "$out/torch.json"
results=("$out/torch.json")
if $python -c 'import importlib.util as u, sys; sys.exit(not (u.find_spec("tensorrt") or u.find_spec("tensorrt_rtx")))'; then
  $python -m dlgsanet export "$model" -o "$out/bundle" --to tensorrt --force
  if $python -m dlgsanet build "$out/bundle"; then
    $python -m dlgsanet check "$out/bundle" --device GPU --json "$out/check.json" || true # a failed gate is a result
    $python -m dlgsanet bench "$out/bundle" --device GPU --json "$out/bench.json" || true
    for file in check bench; do [ -f "$out/$file.json" ] && results+=("$out/$file.json"); done
  fi
fi
$python -m dlgsanet report "${results[@]}" -o "$out/report.html"
