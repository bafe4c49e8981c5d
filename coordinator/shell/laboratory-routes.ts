// Breaking nodes on purpose, over the API: only in a laboratory, which is a cluster whose launcher
// has said where it takes such wishes (`--laboratory`). All others refuse. The coordinator learns
// nothing by it but a sentence for its story: it finds out what happened to a node as it would
// anywhere.
// Not here: the launcher (launcher.ts). Source of the words: proto/laboratory.ts.

import type { FastifyReply } from 'fastify'
import { type Fault, fault } from '#proto/faults.ts'
import { asNodeId } from '#proto/ids.ts'
import {
  BreakRequest,
  breakSentence,
  type ControlRequest,
  LaboratoryCopies,
  LaboratoryView,
} from '#proto/laboratory.ts'
import { unknownNode } from '../core/action-refusals.ts'
import { type App, documented, type HttpPorts, refuse, type WithId } from './routing.ts'

const noLaboratory: Fault = fault(
  'wrong-state',
  'this cluster is no laboratory: its nodes cannot be broken from here. ' +
    'One that `godwit up` starts on one machine is.',
)

export function laboratoryRoutes(app: App, { coordinator, laboratory }: HttpPorts): void {
  const answer = async (reply: FastifyReply, status: number, request?: ControlRequest) => {
    if (!laboratory) return refuse(reply, noLaboratory)
    const said = await laboratory.ask(request)
    if ('fault' in said) return refuse(reply, said.fault)
    return reply.code(status).send(said)
  }
  const look = documented('What is broken on purpose', 200, LaboratoryView)
  app.get('/v1/laboratory', look, (_request, reply) => answer(reply, 200))
  const copies = documented('What agents say that they hold', 200, LaboratoryCopies)
  app.get('/v1/laboratory/copies', copies, async (_request, reply) => {
    if (!laboratory) return refuse(reply, noLaboratory)
    const said = await laboratory.copies()
    return 'fault' in said ? refuse(reply, said.fault) : reply.send(said)
  })
  const breakIt = documented('Break it, or mend it', 202, LaboratoryView, BreakRequest)
  app.post<WithId>('/v1/nodes/:id/break', breakIt, async (request, reply) => {
    const { id } = request.params
    const { state } = coordinator
    if (laboratory && !state.nodes.has(asNodeId(id))) return refuse(reply, unknownNode(state, id))
    const wish = BreakRequest.parse(request.body)
    const answered = await answer(reply, 202, { ...wish, id })
    const by = request.who?.name || undefined
    const done = { kind: 'broken', nodeId: asNodeId(id), text: breakSentence(id, wish) } as const
    if (reply.statusCode === 202) coordinator.take({ ...done, ...(by !== undefined && { by }) })
    return answered
  })
}
