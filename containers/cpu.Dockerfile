# Runs bundles on a CPU with ONNX Runtime and OpenVINO: check, bench, upscale (pictures and videos), report. No torch.
#   docker build -f containers/cpu.Dockerfile -t dlgsanet:cpu .
#   docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" dlgsanet:cpu upscale photo.jpg --bundle bundle -o large
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
# Debian's security updates must come in, so that its packages have no pinned versions.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends python3 python3-venv
RUN python3 -m venv /opt/dlgsanet
COPY . /source
RUN /opt/dlgsanet/bin/pip install --no-cache-dir --constraint /source/constraints.txt \
      "/source[onnxruntime,openvino,video,heif,report,server]" \
 && /opt/dlgsanet/bin/pip uninstall --yes pip setuptools

FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/dlgsanet /opt/dlgsanet
# Caches (choice of the artifact, engines) go to HOME, which any user of `--user` may write.
ENV HOME=/tmp/home
RUN mkdir --mode=1777 /tmp/home
USER 10001:10001
WORKDIR /work
ENTRYPOINT ["/opt/dlgsanet/bin/dlgsanet"]
CMD ["--help"]
