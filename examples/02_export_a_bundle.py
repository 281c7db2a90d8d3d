"""From a checkpoint to artifacts with their proof: the folder `bundle` holds all that a device needs."""

from export import ExportOptions, export_bundle

options = ExportOptions(targets=("onnxruntime-fp32", "openvino-fp32"), tiles=((72, 72),), force=True)
manifest = export_bundle("nano-x4", "bundle", options, print)
print("bundle has", ", ".join(artifact.id for artifact in manifest.artifacts))
