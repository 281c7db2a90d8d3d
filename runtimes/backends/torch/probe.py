"""`doctor` on PyTorch: the tiny network on every device."""

from __future__ import annotations

from types import ModuleType

from runtimes.machine.processor import Device
from runtimes.probe_network import example, require_right, weight


def probe(torch: ModuleType) -> tuple[Device, ...]:
    """Compute on the CPU and on every accelerator that torch sees."""
    lr, kernel = torch.from_numpy(example()), torch.from_numpy(weight())
    found = []
    for name in _names(torch):
        maps = torch.nn.functional.conv2d(lr.to(name), kernel.to(name), padding=1)
        require_right(torch.nn.functional.pixel_shuffle(maps, 2).cpu().numpy(), name)
        label = torch.cuda.get_device_name(name) if name.startswith("cuda") else name
        found.append(Device(name, str(label), ("fp32",)))
    return tuple(found)


def _names(torch: ModuleType) -> list[str]:
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])]
