"""OpenVINO: runner, layers, devices, probe."""
