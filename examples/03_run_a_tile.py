"""One tile through an artifact. Needs NumPy, Pillow and the backend; no torch."""

import numpy as np

from runtimes import open_runner

tile = np.random.default_rng(0).random((1, 3, 72, 72), dtype=np.float32)
with open_runner("bundle", "openvino-fp32") as run:  # any beginning of an artifact's name; takes the device
    sr = run(tile)
    print(tile.shape, "->", sr.shape, "on", run.info.device, "in", run.info.reported_precision)
