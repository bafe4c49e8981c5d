// How `npm test` runs: every test/**/*.test.ts, one after the other in two processes: a process for
// each takes longer than most of them, and what a file leaves behind is seen by the next.
// Many tests start real agents and guests on a machine that may have two busy cores, so the limits
// here are a net against hanging, not a measure of speed. The Docker tests need a daemon and an
// image: `npm run test:docker` runs them where both are at hand, .ci/docker.sh makes both first.

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Minutes each: they begin first, so that none of them is what everybody waits for at the end. */
const long = ['scenarios/library-', 'sim/mutations', 'dashboard/accessibility', 'post-copy.test']

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
    include: ['test/**/*.test.ts'],
    exclude: docker,
    isolate: false,
    globalSetup: ['test/built-first.ts'],
    // Agents and coordinators that a test starts are compiled once, not once each.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('.cache/node', import.meta.url)) },
    pool: 'forks',
    maxWorkers: 2,
    /** Tests of one file that say they may. */
    maxConcurrency: 2,
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
