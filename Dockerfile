# Two images: `agentrt`, the last and so the default, is the sidecar and its workers; `n8n` is n8n
# with the agentrt nodes. `make test` runs the RUN lines of the stages that build them.

FROM python:3.13-slim-bookworm AS wheel
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# Only what the wheel asks for is installed, and only with the lock's hashes. An older pip takes
# no hashes from constraints.
RUN echo "pip==26.3 --hash=sha256:f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13" > pip.txt \
    && python -m pip install --require-hashes --only-binary :all: -r pip.txt
COPY requirements.lock ./
RUN python -m pip install --require-hashes --only-binary :all: -c requirements.lock setuptools
COPY pyproject.toml README.md LICENSE ./
COPY sidecar ./sidecar
RUN python -m pip wheel --no-deps --no-index --no-build-isolation --wheel-dir dist .
RUN python -m venv --without-pip /opt/agentrt \
    && wheel=$(ls "$PWD"/dist/*.whl) \
    && sha256=$(sha256sum "$wheel" | cut -d ' ' -f 1) \
    && python -m pip --python /opt/agentrt/bin/python install --require-hashes \
        --only-binary :all: -c requirements.lock "agentrt @ file://$wheel#sha256=$sha256"

FROM node:24-bookworm-slim AS nodes
WORKDIR /build
# Scripts of dependencies fetch binaries from elsewhere and want compilers; nothing here needs them.
ENV npm_config_ignore_scripts=true npm_config_audit=false npm_config_fund=false
COPY n8n-nodes-agentrt/package.json n8n-nodes-agentrt/package-lock.json ./
RUN npm ci
COPY n8n-nodes-agentrt ./
RUN npm run build
# Where n8n keeps the community nodes that it installs itself, so that the nodes' names are the same.
RUN mkdir -p /n8n/.cache /n8n/.n8n/nodes \
    && npm pack --pack-destination /n8n/.n8n/nodes \
    && cd /n8n/.n8n/nodes \
    && echo '{"name": "installed-nodes", "private": true}' > package.json \
    && npm install --legacy-peer-deps --omit=dev ./*.tgz

FROM n8nio/n8n:2.41.1 AS n8n
COPY --from=nodes --chown=node:node /n8n /srv/n8n
ENV N8N_USER_FOLDER=/srv/n8n

FROM python:3.13-slim-bookworm AS agentrt
RUN groupadd --gid 8700 agentrt \
    && useradd --uid 8700 --gid 8700 --no-create-home --shell /usr/sbin/nologin agentrt
COPY --from=wheel /opt/agentrt /opt/agentrt
ENV PATH=/opt/agentrt/bin:$PATH PYTHONUNBUFFERED=1
USER 8700:8700
EXPOSE 8700
ENTRYPOINT ["agentrt"]
CMD ["serve"]
