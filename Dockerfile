# One image for every role of the cluster; the command says which: `coordinator` or `agent`.
# All packages, what is built with them (the CPU core, the page, bundles), those that production needs,
# and the runtime, which has neither tools nor development packages, and does not run as root.
# BASE may be any image with Node 24.12 or newer, npm and a user `node`.
ARG BASE=node:24-trixie-slim

FROM ${BASE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-fund --no-audit

FROM packages AS build
COPY . .
RUN node tools/build.mjs

# Optional packages are native speed-ups, and Node itself for machines without one: not for here.
FROM packages AS production
RUN npm prune --omit=dev --no-fund --no-audit && \
  rm -rf node_modules/node-linux-* node_modules/node-bin-* node_modules/.bin/node

FROM ${BASE}
# `docker compose exec coordinator node bin/godwit.mjs …` talks to the coordinator beside it, as the
# operator who owns its volume.
ENV NODE_ENV=production GODWIT_API=http://127.0.0.1:7070
ENV GODWIT_OPERATOR_SECRET=/data/operator-secret
# Made here and owned by `node`, so that a fresh volume mounted there is too.
RUN mkdir -p /disks /data /images /token && chown node:node /disks /data /images /token
WORKDIR /app
COPY package.json ./
COPY --from=production /app/node_modules ./node_modules
COPY bin ./bin
COPY tools/container.mjs tools/debian-guests.mjs tools/health.mjs ./tools/
COPY proto ./proto
COPY env ./env
COPY --from=build /app/engine ./engine
COPY node-agent ./node-agent
COPY coordinator ./coordinator
COPY scenarios ./scenarios
COPY cli ./cli
COPY --from=build /app/dashboard/dist ./dashboard/dist
COPY --from=build /app/.cache/programs ./.cache/programs
# What each program compiles at its start, kept: it starts in half the time. The folder is node's own,
# and nobody's to write when it runs.
ENV NODE_COMPILE_CACHE=/app/.cache/node
RUN mkdir -p /app/.cache/node && chown -R node:node /app/.cache
USER node
RUN node coordinator/main.ts --help >/dev/null && node node-agent/main.ts --help >/dev/null \
  && node bin/godwit.mjs --help >/dev/null
EXPOSE 7070 7071 7072 7073 9100
ENTRYPOINT ["node", "tools/container.mjs"]
CMD ["coordinator"]
