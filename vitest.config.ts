// How `npm test` runs: every test/**/*.test.ts, each file in a process of its own.
// Many tests start real agents and guests on a machine that may have two busy cores, so the limits
// here are a net against hanging, not a measure of speed. The Docker tests need a daemon and an
// image: `npm run test:docker` runs them where both are at hand, .ci/docker.sh makes both first.

import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: process.env.DOCKER_TESTS ? [] : ['test/docker/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A test that leaves a process or a socket behind should be seen, not waited for.
    teardownTimeout: 5_000,
  },
})
