"""Networks that OpenVINO compiled, kept for the next start: the same layers, without the time that compiling takes.

OpenVINO's own folder (CACHE_DIR) has no hashes and no bound, and loads what it finds there. Here a blob is known by the
network's files, the settings, the device with its drivers, and OpenVINO's build, and is checked before it is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from typing import Any

from dlgsanet.errors import InputError
from dlgsanet.storage import json_text, typed_json
from dlgsanet.storage.shelf import KeptEntries, key_of
from runtimes.backends.openvino import ENGINE
from runtimes.backends.openvino.layers import FileFacts, facts_of
from runtimes.backends.openvino.protocols import Compiled, IrModel
from runtimes.machine.processor import this_machine

_KIND, _BLOB, _FACTS = "compiled", "blob", "facts.json"
_CAPABILITIES, _EXPORTS = "OPTIMIZATION_CAPABILITIES", "EXPORT_IMPORT"
_WHAT = "a kept network"


@dataclass(frozen=True)
class KeptCompiling:
    """How networks are compiled: on a device of `core` with these settings; `shelf` keeps them."""

    core: Any
    device: str
    settings: Mapping[str, str | int]
    shelf: KeptEntries

    def compiled(self, network: str | None, read: Callable[[], IrModel]) -> tuple[FileFacts, Compiled]:
        """Compile what `read` gives, or load what was compiled of it before; `network`: what tells its files apart,
        None: it is not kept. Raises what OpenVINO raises."""
        key = None if network is None or not self.shelf.usable or not self._exports() else self._key(network)
        if key is not None and (known := self._recall(key)) is not None:
            return known
        model = read()
        facts = facts_of(model)
        made: Compiled = self.core.compile_model(model, self.device, dict(self.settings))
        if key is not None:
            self._keep(key, facts, made)
        return facts, made

    def _recall(self, key: str) -> tuple[FileFacts, Compiled] | None:
        """None for what another OpenVINO or driver refuses, too."""
        if (found := self.shelf.recall(_KIND, key)) is None:
            return None
        with suppress(KeyError, InputError, RuntimeError):
            facts = typed_json.decode(FileFacts, json_text.parse(found[_FACTS], _WHAT, ""), _WHAT)
            return facts, self.core.import_model(found[_BLOB], self.device, dict(self.settings))
        return None

    def _keep(self, key: str, facts: FileFacts, made: Compiled) -> None:
        with suppress(RuntimeError):  # a device that cannot write this network after all
            blob = made.export_model()
            data = blob.getvalue() if isinstance(blob, BytesIO) else bytes(blob)
            self.shelf.keep(_KIND, key, {_BLOB: data, _FACTS: typed_json.encode(facts).encode()})

    def _exports(self) -> bool:
        return _EXPORTS in self.core.get_property(self.device, _CAPABILITIES)

    def _key(self, network: str) -> str:
        told = (network, json.dumps(dict(self.settings), sort_keys=True), self.device, *self._versions())
        return key_of(*told, *this_machine())

    def _versions(self) -> list[str]:
        """OpenVINO's build, and all that the device tells of itself, its driver and its compiler."""
        openvino = import_module(ENGINE.module)
        found = [str(openvino.get_version())]
        for name in sorted(map(str, self.core.get_property(self.device, "SUPPORTED_PROPERTIES"))):
            if "VERSION" in name or name in ("FULL_DEVICE_NAME", "DEVICE_ARCHITECTURE", "DEVICE_UUID"):
                with suppress(RuntimeError):
                    found.append(f"{name}={self.core.get_property(self.device, name)}")
        return found
