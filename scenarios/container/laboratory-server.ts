// The laboratory's process: `laboratory` of tools/container.mjs. Listens for the coordinator's
// wishes and for keepers that enrol, at one port. Not here: what comes of either (laboratory.ts).

import { z } from 'zod'
import { realClock } from '#env/real.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { carryOut, wishOf } from '../local/control.ts'
import { serveAsked } from './asked.ts'
import { tokenOfContainer } from './container-token.ts'
import { askOver, Enrolment, keeperPort, laboratoryPort } from './keeper-wire.ts'
import { ContainerLaboratory } from './laboratory.ts'

const token = tokenOfContainer()
const laboratory = new ContainerLaboratory(
  (address, path, request) => askOver(`http://${address}:${keeperPort}${path}`, token, request),
  realClock,
)
const server = await serveAsked(laboratoryPort, token, async ({ method, path, body, address }) => {
  if (path === '/keepers') {
    const { data, error } = Enrolment.safeParse(body)
    if (!data) throw new FaultError(fault('bad-request', z.prettifyError(error)))
    await laboratory.enrol(data.id, address)
    return {}
  }
  if (path === '/copies') return laboratory.copies()
  if (method !== 'GET') await carryOut(laboratory, wishOf(body))
  return laboratory.standing()
})
console.log(`laboratory listening on port ${laboratoryPort}`)
for (const name of ['SIGTERM', 'SIGINT'] as const)
  process.once(name, () => {
    server.closeAllConnections()
    server.close(() => process.exit(0))
  })
