# Builds and runs TensorRT engines on a Jetson with JetPack 6 (TensorRT 10.3). Not built by the project: the base is for ARM only.
#   docker build -f containers/jetson.Dockerfile -t dlgsanet:jetson .          # on the Jetson
#   docker run --rm --runtime nvidia -v "$PWD:/work" --user "$(id -u):$(id -g)" --group-add video dlgsanet:jetson build bundle
ARG BASE=nvcr.io/nvidia/l4t-tensorrt:r10.3.0-devel
FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
# TensorRT's Python package belongs to the system: the environment must see it.
RUN python3 -m venv --system-site-packages /opt/dlgsanet
COPY . /source
RUN /opt/dlgsanet/bin/pip install --no-cache-dir /source
ENV HOME=/tmp/home
RUN mkdir --mode=1777 /tmp/home
USER 10001:10001
WORKDIR /work
ENTRYPOINT ["/opt/dlgsanet/bin/dlgsanet"]
CMD ["--help"]
