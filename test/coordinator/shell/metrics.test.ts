// What the coordinator tells Prometheus, as a rule or a person reads it: each series is there
// before it counts anything, and none of them says more than is known.

import { expect, test } from 'vitest'
import { call, joined, server, servesEachTest, until, vmIn } from './serving.ts'

servesEachTest()

const told = async () => (await fetch(`${server.address}/metrics`)).text()
/** The value of a series; undefined: there is none. */
async function seriesOf(series: string): Promise<number | undefined> {
  const line = (await told()).split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length))
}

test('what is counted is told from 0 on: a first failure is an increase', async () => {
  for (const purpose of ['migrate', 'clone']) {
    for (const outcome of ['done', 'failed', 'cancelled']) {
      const labels = `{purpose="${purpose}",outcome="${outcome}"}`
      expect(await seriesOf(`godwit_coordinator_migrations_total${labels}`), labels).toBe(0)
    }
    for (const name of ['downtime', 'total'])
      expect(
        await seriesOf(`godwit_coordinator_migration_${name}_seconds_count{purpose="${purpose}"}`),
      ).toBe(0)
  }
  for (const of of ['total', 'downtime', 'bytes'])
    expect(await seriesOf(`godwit_coordinator_migration_forecast_ratio_count{of="${of}"}`)).toBe(0)
  for (const outcome of ['done', 'failed'])
    expect(await seriesOf(`godwit_coordinator_layer_merges_total{outcome="${outcome}"}`)).toBe(0)
})

test('a VM whose node is silent is counted as unknown, and not as one that runs', async () => {
  const [n1] = await joined('n1')
  await call('POST', '/v1/vms', { id: 'a', spec: {}, policy: { protection: 'none' } })
  await vmIn('a', 'running')
  expect(await seriesOf('godwit_coordinator_vms{phase="running"}')).toBe(1)
  expect(await seriesOf('godwit_coordinator_vms{phase="unknown"}')).toBe(0)
  n1?.close()
  await until(
    () => seriesOf('godwit_coordinator_vms{phase="unknown"}'),
    (count) => count === 1,
  )
  expect(await seriesOf('godwit_coordinator_vms{phase="running"}')).toBe(0)
})
