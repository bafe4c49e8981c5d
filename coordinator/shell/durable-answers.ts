// Nothing that the API answers is ahead of what is remembered: with a store that takes its time
// (etcd) every answer waits for what was decided before it. If that does not become durable, the
// answer is why. Not here: what agents are told, which waits in the outlet (outlet.ts).

import { faultOf } from '#proto/faults.ts'
import type { Coordinator } from '../coordinator.ts'
import { problemOf } from './problems.ts'
import type { App } from './routing.ts'

export function holdAnswers(app: App, coordinator: Coordinator): void {
  app.addHook('onSend', async (_request, reply, payload) => {
    try {
      await coordinator.settled()
      return payload
    } catch (thrown) {
      const problem = problemOf(faultOf(thrown))
      // A session that nobody remembers is none.
      reply.removeHeader('set-cookie').removeHeader('content-length')
      reply.code(problem.status).type('application/problem+json')
      return JSON.stringify(problem)
    }
  })
}
