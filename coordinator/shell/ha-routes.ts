// The routes of high availability: policies, rules, settings, and why a VM is where it is. Not
// here: what any of it does (core/ha/), how a route is made (routing.ts), what it is called
// elsewhere (proto/api.ts).

import { VmView } from '#proto/api.ts'
import { fault } from '#proto/faults.ts'
import { HaGroup, HaPolicyChange, HaRule, HaSettingsChange, HaView, WhyView } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { PowerSettingsChange, PowerView } from '#proto/power.ts'
import { unknownVm } from '../core/action-refusals.ts'
import { haView } from '../core/ha/commands.ts'
import { whyOf } from '../core/ha/why.ts'
import { powerView } from '../core/power/energy.ts'
import { type App, ask, documented, type HttpPorts, refuse, type WithId } from './routing.ts'

type WithName = { Params: { name: string } }

export function haRoutes(app: App, ports: HttpPorts): void {
  const { state } = ports.coordinator
  app.get('/v1/ha', documented('High availability as it is', 200, HaView), () => haView(state))
  const settings = documented('Change its settings', 202, HaView, HaSettingsChange)
  app.patch('/v1/ha', settings, (request, reply) =>
    ask(ports, reply, { do: 'set-ha', change: HaSettingsChange.parse(request.body) }),
  )
  app.get('/v1/power', documented('Power as it is', 200, PowerView), () => powerView(state))
  const power = documented('Change how power is saved', 202, PowerView, PowerSettingsChange)
  app.patch('/v1/power', power, (request, reply) =>
    ask(ports, reply, { do: 'set-power', change: PowerSettingsChange.parse(request.body) }),
  )
  for (const verb of ['sleep', 'wake'] as const)
    app.post<WithId>(
      `/v1/nodes/:id/${verb}`,
      documented(`${verb} it`, 202, PowerView),
      (request, reply) => ask(ports, reply, { do: verb, nodeId: asNodeId(request.params.id) }),
    )
  const policy = documented('How it is kept running', 202, VmView, HaPolicyChange)
  app.patch<WithId>('/v1/vms/:id/ha', policy, (request, reply) => {
    const change = HaPolicyChange.parse(request.body)
    return ask(ports, reply, { do: 'set-policy', vmId: asVmId(request.params.id), change })
  })
  groupRoutes(app, ports)
  const rule = documented('Set a rule, or change it', 202, HaView, HaRule)
  app.put<WithName>('/v1/rules/:name', rule, (request, reply) => {
    const wanted = HaRule.parse(request.body)
    const isNamed = wanted.name === request.params.name
    if (isNamed) return ask(ports, reply, { do: 'set-rule', rule: wanted })
    return refuse(reply, fault('bad-request', `the rule calls itself ${wanted.name}: use its name`))
  })
  const drop = documented('Drop a rule', 202, HaView)
  app.delete<WithName>('/v1/rules/:name', drop, (request, reply) =>
    ask(ports, reply, { do: 'drop-rule', name: request.params.name }),
  )
  const why = documented('Why it is where it is', 200, WhyView)
  app.get<WithId>('/v1/vms/:id/why', why, (request, reply) => {
    const vm = state.vms.get(asVmId(request.params.id))
    return vm ? whyOf(state, vm) : refuse(reply, unknownVm(request.params.id))
  })
}

function groupRoutes(app: App, ports: HttpPorts): void {
  const group = documented('Set a group of VMs, or change it', 202, HaView, HaGroup)
  app.put<WithName>('/v1/groups/:name', group, (request, reply) => {
    const wanted = HaGroup.parse(request.body)
    if (wanted.name === request.params.name)
      return ask(ports, reply, { do: 'set-group', group: wanted })
    const why = `the group calls itself ${wanted.name}: use its name`
    return refuse(reply, fault('bad-request', why))
  })
  const drop = documented('Drop a group; its VMs stay', 202, HaView)
  app.delete<WithName>('/v1/groups/:name', drop, (request, reply) =>
    ask(ports, reply, { do: 'drop-group', name: request.params.name }),
  )
}
