"""Writes the tests' tiny network as a Core ML package; run as a program, since coremltools takes seconds to import.

`python coreml_kit.py FOLDER WEIGHTS.npz HEIGHT WIDTH PRECISION`: conv 3x3 and pixel_shuffle, `lr` -> `sr`.
"""

from __future__ import annotations

import logging
import sys

for name in ("torch", "sklearn", "tensorflow"):
    sys.modules[name] = None  # type: ignore[assignment]
logging.getLogger("coremltools").setLevel(logging.ERROR)


def main(folder: str, weights: str, height: int, width: int, precision: str) -> None:
    import coremltools as ct
    import numpy as np
    from coremltools.converters.mil import Builder as mb

    held = np.load(weights)
    kind = np.float16 if precision == "fp16" else np.float32

    def body(lr):
        x = mb.cast(x=lr, dtype="fp16") if precision == "fp16" else lr
        one = [kind(value) for value in (held["weight"], held["bias"])]
        maps = mb.conv(x=x, weight=one[0], bias=one[1], pad_type="custom", pad=[1, 1, 1, 1], name="maps")
        sr = mb.pixel_shuffle(x=maps, upscale_factor=2, name="shuffled")
        return mb.cast(x=sr, dtype="fp32", name="sr") if precision == "fp16" else mb.identity(x=sr, name="sr")

    program = mb.program(input_specs=[mb.TensorSpec((1, 3, height, width))], opset_version=ct.target.iOS17)(body)
    model = ct.convert(
        program,
        source="milinternal",
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    model.save(folder)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
