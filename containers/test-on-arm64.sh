#!/bin/sh
# The installed wheel's tests of bundles and runners on 64-bit ARM instructions, in a Debian of its own under qemu:
#   sudo containers/test-on-arm64.sh build/arm64 [what pytest is to run]
# Needs Debian's mmdebstrap and qemu-user-static, 2 GB, half an hour. Whatever depends on speed shows nothing there.
set -eu

folder=${1:?expected a folder to make the system in, as build/arm64}
shift
PYTHON=${PYTHON:-python3}
extras="onnxruntime,openvino,video,heif,litert"
root=$folder/root
wheels=$folder/wheels

for tool in mmdebstrap qemu-aarch64-static unshare; do
  command -v "$tool" > /dev/null || { echo "expected $tool: apt-get install mmdebstrap qemu-user-static util-linux" >&2; exit 3; }
done
if ! [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]; then
  echo "expected qemu registered for ARM programs: mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc &&" \
    "cat /usr/lib/binfmt.d/qemu-aarch64.conf > /proc/sys/fs/binfmt_misc/register" >&2
  exit 3
fi

mkdir -p "$wheels"
if ! [ -e "$folder/.system" ]; then
  rm -rf "$root"
  mmdebstrap --arch=arm64 --variant=essential --include=python3,python3-venv,libstdc++6 bookworm "$root"
  chroot "$root" python3 -m venv /venv
  touch "$folder/.system"
fi

# Wheels are chosen and fetched by this machine's pip, which is faster and has the network.
rm -f "$wheels"/dlgsanet_edge-*.whl
"$PYTHON" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$wheels" .
# What the emulator does otherwise: children that are forked warm, its own word at a crash; and what reads our sources.
set -- "${@:-tests/runtimes}" --deselect tests/runtimes/machine/test_child.py \
  --deselect tests/runtimes/backends/tensorrt/test_conformance.py
platforms=""
for glibc in 2_35 2_34 2_31 2_28 2_27 2_26 2_24 2_17; do platforms="$platforms --platform manylinux_${glibc}_aarch64"; done
# shellcheck disable=SC2086 # one word for each platform
"$PYTHON" -m pip download --quiet --disable-pip-version-check --dest "$wheels" --only-binary :all: $platforms \
  --platform manylinux2014_aarch64 --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none \
  --constraint constraints.txt "$(echo "$wheels"/dlgsanet_edge-*.whl)[$extras]" pytest hypothesis onnx safetensors
mkdir -p "$root/wheels"
cp "$wheels"/*.whl "$root/wheels/"
chroot "$root" /venv/bin/pip install --quiet --disable-pip-version-check --no-index --find-links /wheels \
  "dlgsanet-edge[$extras]" pytest hypothesis onnx safetensors
chroot "$root" /venv/bin/pip install --quiet --disable-pip-version-check --no-index --find-links /wheels --no-deps \
  --force-reinstall dlgsanet-edge

# ONNX Runtime, OpenVINO and XNNPACK read /sys and /proc/cpuinfo, and end or compute without their kernels where these are
# another processor's. So they find the one that qemu plays: a Cortex-A76, as in a Raspberry Pi 5.
cpus=$root/sys/devices/system/cpu
processor=$root/cpuinfo
: > "$processor"
mkdir -p "$cpus"
for core in /sys/devices/system/cpu/cpu[0-9]*; do
  name=${core##*/}
  mkdir -p "$cpus/$name"
  cp -r "$core/topology" "$cpus/$name/" 2> /dev/null || true
  printf 'processor\t: %s\nFeatures\t: %s\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x4\nCPU part\t: 0xd0b\nCPU revision\t: 1\n\n' \
    "${name#cpu}" "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp" >> "$processor"
done
for list in online possible present; do cat /sys/devices/system/cpu/online > "$cpus/$list"; done

rm -rf "$root/tested"
mkdir "$root/tested"
cp -r tests pyproject.toml "$root/tested/"
# A namespace of its own: nothing stays mounted, however this ends.
exec unshare --mount sh -c '
  root=$1; shift
  mount -t proc proc "$root/proc" && mount --bind "$root/cpuinfo" "$root/proc/cpuinfo" && mount --bind /dev "$root/dev"
  exec env QEMU_CPU=cortex-a76 chroot "$root" sh -c "cd /tested && exec /venv/bin/python -m pytest \"\$@\"" sh "$@"' sh "$root" "$@"
