// What is wrong with a machine or a cluster, and what to do about it: findings from plain facts.
// Pure. Not here: how the facts are found out (commands/doctor.ts).

import type { ClusterView } from '#proto/api.ts'
import { type CoordinatorPlace, healthWords } from '#proto/coordinator-place.ts'
import type { HaView } from '#proto/ha.ts'
import { nodePhaseSentences } from '#proto/state.ts'
import type { StoreView } from '#proto/store-view.ts'

export interface Finding {
  /** `bad`: something does not work. `odd`: it works, but not as well as it could. */
  readonly is: 'good' | 'odd' | 'bad'
  readonly what: string
  /** What to do; absent when it is good. */
  readonly mend?: string
}

export interface MachineFacts {
  readonly nodeVersion: string
  /** As package.json has it: `>=24.12`. */
  readonly nodeWanted: string
  readonly cores: number
  readonly freeMib: number
  readonly loadPerCore: number
  readonly hasCore: boolean
  readonly hasPage: boolean
  readonly hasDebian: boolean
  /** Docker's version; undefined: there is none, or it does not run. */
  readonly docker: string | undefined
  /** Runs in containers whose process ended before it could take them away. */
  readonly forsakenRuns: readonly string[]
  /** Undefined: nothing listens on the port of the API. */
  readonly portOwner: 'godwit' | 'other' | undefined
}

const good = (what: string): Finding => ({ is: 'good', what })
const odd = (what: string, mend: string): Finding => ({ is: 'odd', what, mend })
const bad = (what: string, mend: string): Finding => ({ is: 'bad', what, mend })

/** Three nodes with a few guests each; less is tight. */
const freeMibWanted = 1024
/** Above it, leases of 2.5 s begin to run out for want of a turn. */
const loadMax = 3

export function machineFindings(facts: MachineFacts): Finding[] {
  const { nodeVersion, nodeWanted, cores, freeMib, loadPerCore } = facts
  return [
    isAtLeast(nodeVersion, nodeWanted)
      ? good(`Node ${nodeVersion}`)
      : bad(`Node is ${nodeVersion}, ${nodeWanted} is wanted`, 'start it by bin/godwit.mjs'),
    facts.hasCore ? good('the engine is built') : bad('the engine is not built', 'npm run build'),
    facts.hasPage ? good('the page is built') : odd('the page is not built', 'npm run build'),
    cores >= 2
      ? good(`${cores} cores`)
      : odd('one core: coordinator and guests share it', 'expect longer downtimes'),
    freeMib >= freeMibWanted
      ? good(`${freeMib.toLocaleString('en')} MiB of memory are free`)
      : odd(`only ${freeMib} MiB of memory are free`, 'end something, or run fewer nodes'),
    loadPerCore <= loadMax
      ? good(`the machine's load is ${loadPerCore.toFixed(1)} a core`)
      : odd(
          `the machine's load is ${loadPerCore.toFixed(1)} a core`,
          'give nodes a longer lease: godwit up --lease 10s',
        ),
    facts.hasDebian
      ? good('the image of Debian is there')
      : odd('no image of Debian', 'godwit image pull debian, if you want it'),
    facts.docker === undefined
      ? odd('no Docker, or it does not run', 'install or start it, if you want containers')
      : good(`Docker ${facts.docker}`),
    ...facts.forsakenRuns.map((run) =>
      odd(
        `containers of run ${run} are still there, and nobody needs them`,
        `the next godwit scenario run --world compose takes them away`,
      ),
    ),
    portFinding(facts.portOwner),
  ]
}

/** `24.21.0` against `>=24.12`. */
function isAtLeast(version: string, wanted: string): boolean {
  const parts = (text: string) => (text.match(/\d+/g) ?? []).map(Number)
  const [has, needs] = [parts(version), parts(wanted)]
  const n = needs.findIndex((part, i) => part !== (has[i] ?? 0))
  return n < 0 || (has[n] ?? 0) > (needs[n] ?? 0)
}

function portFinding(owner: MachineFacts['portOwner']): Finding {
  if (owner === 'other') return bad('port 7070 is taken by another program', 'godwit up --port 0')
  return good(owner === 'godwit' ? 'a cluster answers on port 7070' : 'port 7070 is free')
}

export function clusterFindings(view: ClusterView, ha: HaView): Finding[] {
  const found = [...nodeFindings(view), ...vmFindings(view), ...haFindings(ha)]
  const count = `${view.nodes.length} nodes and ${view.vms.length} VMs`
  return found.length > 0 ? found : [good(`all is well with ${count}`)]
}

/** Of etcd; a file is either there, or the coordinator is not. */
export function storeFindings({ kind, members }: StoreView): Finding[] {
  if (kind === 'file') return []
  const ill = members.filter(({ trouble }) => trouble !== undefined)
  if (ill.length === 0)
    return [good(`${members.length} of ${members.length} members of etcd are well`)]
  const spare = Math.floor((members.length - 1) / 2) - ill.length
  const left = spare > 0 ? `${spare} more may fail` : 'no other may fail, or nobody leads'
  const found = spare >= 0 ? odd : bad
  return ill.map(({ address, trouble }) =>
    found(`etcd at ${address}: ${trouble}; ${left}`, 'start that member again'),
  )
}

/** One of several coordinators, and what it answered: nothing, if it did not. */
export interface AskedPlace extends CoordinatorPlace {
  readonly said: string | undefined
}

/** Of several: who leads, and who would if that one were gone. */
export function leaderFindings({ leader }: ClusterView, others: readonly AskedPlace[]): Finding[] {
  if (!leader) return []
  const first = good(`coordinator ${leader.name} leads (term ${leader.term})`)
  const rest = others.map(({ name, address, said }) =>
    said === healthWords.follower || said === healthWords.leader
      ? good(`coordinator ${name} follows`)
      : odd(
          `coordinator ${name} does not answer at ${address}: it cannot take over`,
          'start it again',
        ),
  )
  return [first, ...rest]
}

const nodeFindings = ({ nodes }: ClusterView): Finding[] =>
  nodes.flatMap(({ id, phase, evacuation }) => {
    const stuck = (evacuation?.stuck ?? []).map(({ vmId, why }) =>
      odd(`${vmId} cannot leave ${id}: ${why}`, `godwit why ${vmId}`),
    )
    if (phase === 'online') return stuck
    const sentence = `${id} ${nodePhaseSentences[phase]}`
    if (phase === 'gone') return [odd(sentence, `start its agent again, or forget it`)]
    return [bad(sentence, `godwit logs ${id}; then godwit revive ${id}, or start its agent again`)]
  })

const vmFindings = ({ vms }: ClusterView): Finding[] =>
  vms.flatMap(({ id, phase, fault }) => {
    if (phase === 'failed') return [bad(`${id} has failed: ${fault?.message}`, `godwit why ${id}`)]
    const waits = phase === 'pending' || phase === 'recovering'
    if (waits) return [bad(`${id} waits: ${fault?.message ?? 'for a node'}`, `godwit why ${id}`)]
    return fault ? [odd(`${id}: ${fault.message}`, `godwit why ${id}`)] : []
  })

function haFindings({ settings, tolerated, shortages, rules }: HaView): Finding[] {
  const { armed, tolerate } = settings
  const [shortage] = shortages
  const stranded =
    shortage && `${shortage.nodes.join(' and ')} would strand ${shortage.vms.join(', ')}`
  return [
    ...(armed ? [] : [bad('high availability is disarmed', 'godwit ha arm')]),
    ...(tolerated < tolerate
      ? [bad(`${tolerate} node failures are promised, ${tolerated} are tolerated`, 'add a node')]
      : []),
    ...(tolerate === 0 && stranded
      ? [odd(`the loss of ${stranded}`, 'add a node, or stop something')]
      : []),
    ...rules.flatMap(({ rule, broken }) =>
      broken.map((text) =>
        (rule.strict ? bad : odd)(`rule ${rule.name} is not kept: ${text}`, 'godwit rule ls'),
      ),
    ),
  ]
}
