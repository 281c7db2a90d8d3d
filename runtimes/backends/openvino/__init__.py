"""OpenVINO: its engine; beside it the entry, runner, layers, devices and probe."""

from runtimes.backends.interface.engines import Engine

ENGINE = Engine("openvino", "openvino", "openvino", int8_in_pairs=True)
