// How `npm test` runs: every test/**/*.test.ts. Each file has a process of its own, but for those of
// pure code, which follow each other in one: starting one takes longer than most of them.
// Many tests start real agents and guests on a machine that may have two busy cores, so the limits
// here are a net against hanging, not a measure of speed. The Docker tests need a daemon and an
// image: `npm run test:docker` runs them where both are at hand, .ci/docker.sh makes both first.

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Minutes each: they begin first, so that none of them is what everybody waits for at the end. */
const long = ['scenarios/library-', 'sim/mutations', 'dashboard/accessibility', 'post-copy.test']

/** No process, no socket, no clock but a simulated one: nothing is left for the next file. */
const pure = [
  ...['engine', 'proto', 'coordinator/core', 'coordinator/model'],
  ...['scenarios/language', 'scenarios/sim'],
  ...['node-agent/migration', 'node-agent/network', 'node-agent/replication'],
].map((folder) => `test/${folder}/**/*.test.ts`)
const docker = process.env.DOCKER_TESTS ? [] : ['test/docker/**']

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = long.findIndex((part) => moduleId.includes(part))
      return at < 0 ? long.length : at
    }
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other))
  }
}

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'pure', include: pure, isolate: false } },
      {
        extends: true,
        test: { name: 'real', include: ['test/**/*.test.ts'], exclude: [...pure, ...docker] },
      },
    ],
    globalSetup: ['test/built-first.ts'],
    // Agents and coordinators that a test starts are compiled once, not once each.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('.cache/node', import.meta.url)) },
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    // CI's machine may do other things at the same time, and real processes, sockets and browsers
    // miss a moment then: a second try, which the output tells of. What is broken fails twice.
    retry: process.env.CI ? 1 : 0,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A test that leaves a process or a socket behind should be seen, not waited for.
    teardownTimeout: 5_000,
  },
})
