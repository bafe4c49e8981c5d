# etcd for the profile `ha`: Debian's package in the base image, or the image that ETCD names. It
# keeps its data in a volume, and is reached by the cluster's network only.
ARG BASE=node:24-trixie-slim
ARG ETCD=of-debian
FROM ${BASE} AS of-debian
USER root
RUN apt-get update && apt-get install -y --no-install-recommends etcd-server \
  && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /etcd && chown node:node /etcd
USER node
ENTRYPOINT ["etcd"]

FROM ${ETCD}
