"""One execution provider as sessions take it: built into ONNX Runtime, or of a library that was registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

CPU = "CPUExecutionProvider"


class Hardware(Protocol):
    """What is used of ONNX Runtime's `OrtHardwareDevice`."""

    @property
    def type(self) -> Any: ...
    @property
    def vendor(self) -> str: ...
    @property
    def metadata(self) -> Mapping[str, str]: ...


class PluggedDevice(Protocol):
    """What is used of ONNX Runtime's `OrtEpDevice`: a device that a registered library offers."""

    @property
    def ep_name(self) -> str: ...
    @property
    def ep_vendor(self) -> str: ...
    @property
    def ep_metadata(self) -> Mapping[str, str]: ...
    @property
    def device(self) -> Hardware: ...


@dataclass(frozen=True)
class Provider:
    """`name` is what `get_providers` of a session says; `plugged`: the device of a registered library, None for what
    is built in. `settings` go to the library."""

    name: str
    plugged: PluggedDevice | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def on_cpu(self) -> bool:
        """Whether it is ONNX Runtime's own CPU."""
        return self.plugged is None and self.name == CPU

    @property
    def shown(self) -> str:
        """Its name, and of a plug-in the device and the library's version."""
        if self.plugged is None:
            return self.name
        version = self.plugged.ep_metadata.get("version", "of no version")
        return f"{self.name} on {hardware_name(self.plugged)} (plug-in {version})"

    def session(self, ort: ModuleType, source: bytes | str | Path, options: Any) -> Any:
        """A session on this provider alone. Raises whatever ONNX Runtime raises."""
        given = str(source) if isinstance(source, Path) else source
        if self.plugged is None:
            return ort.InferenceSession(given, options, providers=[self.name], enable_fallback=0)
        options.add_provider_for_devices([self.plugged], dict(self.settings))
        return ort.InferenceSession(given, options)


def hardware_kind(device: PluggedDevice) -> str:
    """`cpu`, `gpu` or `npu`."""
    return str(getattr(device.device.type, "name", device.device.type)).lower()


def hardware_name(device: PluggedDevice) -> str:
    """As its library calls it, or kind and vendor."""
    told = device.ep_metadata.get("FULL_DEVICE_NAME")
    kind = hardware_kind(device).upper()
    return f"{kind} {told or device.device.vendor}".strip()
