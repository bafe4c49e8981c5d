// A console that was not opened: why, in words that are true, though the WebSocket keeps them back.

import { expect, test } from 'vitest'
import { unlessRefused } from '#cli/refused-stream.ts'
import type { VmView } from '#proto/api.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import { vmView } from '../coordinator-double/views.ts'

const lost = () => Promise.reject(new FaultError(fault('link-lost', 'nobody answered')))
const apiWith = (some: Partial<VmView>) =>
  ({ vm: async () => ({ ...vmView('kv', {}), ...some }) }) as unknown as ApiClient

test.each<[Partial<VmView>, string]>([
  [
    { phase: 'failed' },
    'kv has failed and waits for an operator; it has a console while it runs: godwit start kv',
  ],
  [
    { phase: 'pending' },
    'kv waits for a node with room; it has a console while it runs; see: godwit why kv',
  ],
  [{}, "the console of kv is not open to you: it is its owner's (see: godwit whoami)"],
])('%j', async (some, message) => {
  await expect(unlessRefused(apiWith(some), 'kv', 'console', lost)).rejects.toMatchObject({
    ...{ code: 1, message },
  })
})

test('a coordinator that is away is told as such, and what is opened is handed on', async () => {
  const away = { vm: lost } as unknown as ApiClient
  await expect(unlessRefused(away, 'kv', 'screen', lost)).rejects.toThrow('nobody answered')
  expect(await unlessRefused(away, 'kv', 'screen', async () => 7)).toBe(7)
})
