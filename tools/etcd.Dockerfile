# Debian's etcd, for the profile `ha`, where no other image is named (ETCD). It keeps its data in a
# volume, and is reached by the cluster's network only.
ARG BASE=node:24-trixie-slim
FROM ${BASE}
USER root
RUN apt-get update && apt-get install -y --no-install-recommends etcd-server \
  && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /etcd && chown node:node /etcd
USER node
ENTRYPOINT ["etcd"]
