# Training, export and all that the CPU's container has. PyTorch's wheels bring CUDA; the machine's driver comes by --gpus.
#   docker build -f containers/train.Dockerfile -t dlgsanet:train .
#   docker run --rm --gpus all --shm-size 2g -v "$PWD:/work" --user "$(id -u):$(id -g)" dlgsanet:train train nano-x4.toml
ARG BASE=debian:bookworm-slim
FROM ${BASE}
# The operators in C and Triton's launcher are compiled on first use: gcc and Python's headers stay.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev python3-dev python3-venv \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/dlgsanet
COPY constraints.txt /source/constraints.txt
RUN /opt/dlgsanet/bin/pip install --no-cache-dir --constraint /source/constraints.txt torch
COPY . /source
RUN /opt/dlgsanet/bin/pip install --no-cache-dir --constraint /source/constraints.txt "/source[all]"
ENV HOME=/tmp/home
RUN mkdir --mode=1777 /tmp/home
USER 10001:10001
WORKDIR /work
ENTRYPOINT ["/opt/dlgsanet/bin/dlgsanet"]
CMD ["--help"]
