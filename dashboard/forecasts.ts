// How a migration would go, node by node, asked of the coordinator before a person decides. What
// was asked is kept as signals for as long as somebody looks. Not here: how it is reckoned
// (proto/pre-copy/forecast.ts), how it looks (parts/forecast.tsx).

import { type ReadonlySignal, signal } from '@preact/signals'
import { ForecastView, type NodeView } from '#proto/api.ts'
import type { Forecast, Range, Way } from '#proto/pre-copy/forecast.ts'
import { bytesText, countText, msText } from '#proto/quantity.ts'
import { ask, isRefused } from './asking.ts'
import type { MigrateParams } from './commands.ts'

/** What a node is for a VM that may go there. */
export type Prospect =
  | { readonly is: 'asking' }
  | { readonly is: 'here' }
  /** Without a forecast: too little is known of the VM yet. */
  | { readonly is: 'open'; readonly forecast: Forecast | undefined }
  | { readonly is: 'closed'; readonly why: string }

export type Prospects = ReadonlyMap<string, Prospect>

export interface Asked {
  readonly prospects: ReadonlySignal<Prospects>
  /** Answers that come later are not wanted any more. */
  end(): void
}

/** Asks for all nodes at once; answers come one by one. */
export function askProspects(
  vmId: string,
  from: string | undefined,
  nodes: readonly NodeView[],
  params: MigrateParams = {},
): Asked {
  const first = nodes.map(({ id }): [string, Prospect] => [
    id,
    { is: id === from ? 'here' : 'asking' },
  ])
  const prospects = signal<Prospects>(new Map(first))
  let isWanted = true
  for (const [to, { is }] of first)
    if (is === 'asking')
      void prospectOf(vmId, to, params).then((prospect) => {
        if (isWanted) prospects.value = new Map(prospects.peek()).set(to, prospect)
      })
  return {
    prospects,
    end: () => {
      isWanted = false
    },
  }
}

async function prospectOf(vmId: string, to: string, params: MigrateParams): Promise<Prospect> {
  const answer = await ask(ForecastView, 'POST', `v1/vms/${vmId}/forecast`, { to, params })
  if (isRefused(answer)) return { is: 'closed', why: answer.refused }
  return { is: 'open', forecast: answer.value.forecast }
}

// ---- words --------------------------------------------------------------------------------------

export const wayWords: Record<Way, string> = {
  converges: 'its dirty pages become few, round by round',
  stopped: 'it outruns the copying, and is stopped for the rest',
  'slowed-down': 'it is slowed down until its pages can follow',
  'post-copy': 'it runs there before its last pages, and fetches them',
  'given-up': 'it writes faster than pages can be sent, and would stay',
}

/** `9.6 ms (4.3 ms to 16.7 ms)`; without the bars when there are none. */
export function rangeText({ expected, low, high }: Range, text: (value: number) => string): string {
  const [from, to] = [text(low), text(high)]
  return from === to ? text(expected) : `${text(expected)} (${from} to ${to})`
}

/** In one line, for eyes and ears. */
export function prospectText(prospect: Prospect): string {
  switch (prospect.is) {
    case 'asking':
      return 'asking …'
    case 'here':
      return 'it is here'
    case 'closed':
      return prospect.why
    case 'open':
      return prospect.forecast ? forecastText(prospect.forecast) : 'no forecast yet'
  }
}

function forecastText({ verdict, rounds, bytes, totalMs, downtimeMs, way }: Forecast): string {
  if (verdict === 'hopeless') return `not like this: ${wayWords[way]}`
  const count = countText(rounds.expected)
  const roundsText = count === '1' ? '1 round' : `${count} rounds`
  const doubt = verdict === 'doubtful' ? ', and it may fail' : ''
  return (
    `downtime ${rangeText(downtimeMs, msText)}, ${msText(totalMs.expected)} in all, ` +
    `${roundsText}, ${bytesText(Math.round(bytes.expected))}${doubt}`
  )
}
