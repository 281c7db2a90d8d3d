"""Model servers of the KServe v2 protocol (Triton, OpenVINO Model Server, MLServer): the engine is NVIDIA's client."""

from runtimes.backends.interface.engines import Engine

ENGINE = Engine("kserve", "tritonclient", "server")

ARTIFACT = "dlgsanet_artifact"
"""Parameter of a model's configuration, where its server keeps one: the artifact that it was made of."""
