# The service (default target); with --target train the image that trains and evaluates; with --target gateway the DICOM
# node; with --target archive what scores archives. `docker compose up` builds and runs the first; docs/training.md,
# docs/gateway.md and docs/kubernetes.md show the others.

FROM python:3.12-slim AS base
ENV LANG=C.UTF-8 \
    PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
ARG PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# The standard library comes without bytecode, and a read-only container could never write it down.
RUN python -m compileall -q -j 0 -x '/(test|tests|idlelib|lib2to3|tkinter|turtledemo|ensurepip|site-packages)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin pneumoserve


# What serving needs, DICOM with it, from the lock; `--build-arg SERVE_LOCK=tracing` adds OpenTelemetry. Only a changed
# lock runs this again.
FROM base AS serve-packages
ARG SERVE_LOCK=dicom
COPY locks/${SERVE_LOCK}.txt /tmp/serve.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-compile --require-hashes -r /tmp/serve.txt

# The same without what serving never loads: OpenVINO's other devices, importers and converter; the codecs that no
# transfer syntax of DICOM needs; test suites; what compiles against a package; what built the project.
FROM serve-packages AS serve-lean
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# hadolint ignore=DL3003
RUN cd /opt/venv/lib/python3*/site-packages \
    && pip --python /opt/venv/bin/python uninstall -q -y hatchling pathspec pluggy trove-classifiers openvino-telemetry \
    && rm -rf openvino/{cmake,include,tools,torch} openvino/frontend/{jax,onnx,paddle,pytorch,tensorflow} \
        openvino/libs/{cache.json,tbb.pc} \
        openvino/libs/libopenvino_{auto_batch,auto,hetero,intel_gpu,intel_npu}_plugin.so \
        openvino/libs/libopenvino_{gguf,jax,onnx,paddle,pytorch,tensorflow,tensorflow_lite}_frontend.so* \
        openvino/libs/libopenvino_c.so* \
        pydicom/data/test_files \
    && find imagecodecs -name '_*.so' ! -name '_shared*' ! -name '_jpeg8.*' ! -name '_jpegls.*' -delete \
    && find imagecodecs.libs -type f ! -name 'libjpeg-*' ! -name 'libcharls-*' -delete \
    && find . -type d -name tests -prune -exec rm -rf {} + \
    && find . \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.a' \) -delete \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash .

FROM serve-packages AS project
WORKDIR /src
COPY pyproject.toml README.md LICENSE pneumoserve.py ./
COPY app app
COPY batch batch
COPY gateway gateway
COPY pneumoserve-stubs pneumoserve-stubs
COPY training training
RUN pip --python /opt/venv/bin/python wheel -q --no-cache-dir --no-deps --no-build-isolation --no-index -w /wheel .

# What the gateway needs besides, with the same left out, and OpenVINO with it: it asks the service.
FROM serve-lean AS gateway-lean
COPY locks/gateway.txt /tmp/gateway.txt
# hadolint ignore=DL3003
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --no-compile --require-hashes -r /tmp/gateway.txt \
    && cd /opt/venv/lib/python3*/site-packages \
    && pip --python /opt/venv/bin/python uninstall -q -y hatchling pathspec pluggy trove-classifiers openvino openvino-telemetry \
    && rm -rf openvino pydicom/data/test_files \
    && find . -type d -name tests -prune -exec rm -rf {} + \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash .


# What scoring archives needs besides: object stores and Parquet.
FROM serve-lean AS archive-lean
COPY locks/archive.txt /tmp/archive.txt
# hadolint ignore=DL3003
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --no-compile --require-hashes -r /tmp/archive.txt \
    && cd /opt/venv/lib/python3*/site-packages \
    && pip --python /opt/venv/bin/python uninstall -q -y hatchling pathspec pluggy trove-classifiers openvino-telemetry \
    && find . -type d -name tests -prune -exec rm -rf {} + \
    && rm -rf pyarrow/include \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash .


FROM base AS train
LABEL org.opencontainers.image.title="PneumoServe training" \
      org.opencontainers.image.description="Trains and evaluates the networks that PneumoServe serves. Not a medical device." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY locks/train.txt /tmp/train.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-compile --require-hashes -r /tmp/train.txt \
    && { python -m compileall -qq -j 0 --invalidation-mode unchecked-hash /opt/venv/lib || true; }
RUN --mount=type=bind,from=project,source=/wheel,target=/wheel \
    pip --python /opt/venv/bin/python install -q --no-cache-dir --no-deps --no-index /wheel/*.whl
# Libraries that keep a settings folder find a writable one, whoever runs the container.
ENV HOME=/tmp \
    KERAS_HOME=/tmp/keras \
    MPLCONFIGDIR=/tmp/matplotlib \
    TF_CPP_MIN_LOG_LEVEL=2 \
    PNEUMOSERVE_MODEL_STORE=/srv/model_store
WORKDIR /srv
RUN chown 10001:10001 /srv
USER 10001:10001
ENTRYPOINT ["pneumoserve"]
CMD ["train", "--help"]


FROM base AS gateway
LABEL org.opencontainers.image.title="PneumoServe gateway" \
      org.opencontainers.image.description="Takes films by DICOM, and answers in DICOM. Not a medical device." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=gateway-lean /opt/venv /opt/venv
RUN --mount=type=bind,from=project,source=/wheel,target=/wheel \
    pip --python /opt/venv/bin/python install -q --no-cache-dir --no-deps --no-index /wheel/*.whl \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/pneumoserve
ENV PNEUMOSERVE_GATEWAY_FOLDER=/var/lib/pneumoserve/outbox
USER 10001:10001
VOLUME /var/lib/pneumoserve
EXPOSE 11112
# The file is touched while films are worked on; a film may take a minute.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["sh", "-c", "test -n \"$(find /var/lib/pneumoserve/outbox/health -mmin -5)\""]
ENTRYPOINT ["pneumoserve"]
CMD ["gateway"]


FROM base AS archive
LABEL org.opencontainers.image.title="PneumoServe archives" \
      org.opencontainers.image.description="Scores archives of chest X-rays without a server. Not a medical device." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=archive-lean /opt/venv /opt/venv
COPY model_store /srv/model_store
RUN --mount=type=bind,from=project,source=/wheel,target=/wheel \
    pip --python /opt/venv/bin/python install -q --no-cache-dir --no-deps --no-index /wheel/*.whl
ENV PNEUMOSERVE_MODEL_STORE=/srv/model_store
WORKDIR /srv
USER 10001:10001
ENTRYPOINT ["pneumoserve"]
CMD ["score", "--help"]


FROM base AS serve
LABEL org.opencontainers.image.title="PneumoServe" \
      org.opencontainers.image.description="Reads a chest X-ray and answers how likely pneumonia is. Not a medical device." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=serve-lean /opt/venv /opt/venv
COPY model_store /srv/model_store
RUN --mount=type=bind,from=project,source=/wheel,target=/wheel \
    pip --python /opt/venv/bin/python install -q --no-cache-dir --no-deps --no-index /wheel/*.whl
ENV PNEUMOSERVE_HOST=0.0.0.0 \
    PNEUMOSERVE_PORT=8000 \
    PNEUMOSERVE_MODEL_STORE=/srv/model_store
WORKDIR /srv
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-P", "-m", "app.healthcheck"]
ENTRYPOINT ["pneumoserve"]
CMD ["serve"]
