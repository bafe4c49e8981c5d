// The top of the page: the cluster in four numbers, and whether what is shown is true now.
// Not here: the connection itself (../live-stream.ts).

import { useEffect, useState } from 'preact/hooks'
import type { ClusterView } from '#proto/api.ts'
import { countText, mibText, msText, percentText } from '#proto/quantity.ts'
import { connection, picture, view } from '../cluster.ts'
import type { ClusterSums } from '../cluster-model.ts'
import type { StreamState } from '../live-stream.ts'
import { isHelpOpen, isRunAsked } from '../questions.ts'
import { hashOf, type Route, route } from '../route.ts'
import { allows } from '../session.ts'
import { Find } from './find.tsx'
import { WhoLooks } from './login.tsx'
import { Sign } from './sign.tsx'

export function Masthead() {
  const sums = picture.value?.sums
  return (
    <header class="masthead">
      <h1>
        <img src="./godwit.svg" alt="" width="28" height="28" /> Godwit
        {view.value && <About {...view.value} />}
      </h1>
      <Places />
      {sums && <Sums {...sums} />}
      {connection.value.is !== 'away' && view.value && allows('run') && (
        <button
          type="button"
          class="new"
          aria-keyshortcuts="n"
          onClick={() => {
            isRunAsked.value = true
          }}
        >
          New VM
        </button>
      )}
      <Find />
      <button
        type="button"
        class="quiet help"
        aria-label="Keys"
        aria-keyshortcuts="?"
        onClick={() => {
          isHelpOpen.value = true
        }}
      >
        ?
      </button>
      <WhoLooks />
      <ConnectionSign state={connection.value} />
    </header>
  )
}

/** Which version, and of several coordinators which one speaks. */
function About({ version, leader }: ClusterView) {
  return (
    <small title={leader && `coordinator ${leader.name}, term ${leader.term}`}>
      {version}
      {leader && `, led by ${leader.name}`}
    </small>
  )
}

const places: readonly (readonly [word: string, to: Route])[] = [
  ['Cluster', { is: 'cluster' }],
  ['Links', { is: 'links' }],
  ['Events', { is: 'events', filter: {} }],
  ['Templates', { is: 'templates' }],
  ['Load', { is: 'load' }],
]

/**
 * What links carry and all VMs together ask for is the cluster's to see; who came by a link to one
 * VM sees no template.
 */
export const mayGo = ({ is }: Route): boolean =>
  allows('see-cluster') ||
  (is !== 'links' && is !== 'load' && (is !== 'templates' || allows('run')))

function Places() {
  const { is } = route.value
  const here = places.some(([, to]) => to.is === is) ? is : 'cluster'
  return (
    <nav aria-label="Places">
      {places
        .filter(([, to]) => mayGo(to))
        .map(([word, to]) => (
          <a key={word} href={hashOf(to)} aria-current={to.is === here ? 'page' : undefined}>
            {word}
          </a>
        ))}
    </nav>
  )
}

function Sums(sums: ClusterSums) {
  return (
    <dl class="sums">
      <Sum name="Nodes online" value={`${sums.nodesOnline}`} of={`of ${sums.nodes}`} />
      <Sum
        name="VMs running"
        value={`${sums.vmsRunning}`}
        of={`of ${sums.vms}${sums.vmsUnknown > 0 ? `, ${sums.vmsUnknown} unknown` : ''}`}
      />
      <Sum
        name="CPU"
        value={percentText(sums.cpuGotPercent)}
        of={`of ${countText(sums.cpuPercentMax)}`}
      />
      <Sum
        name="Memory"
        value={mibText(sums.memoryReservedMib)}
        of={`of ${countText(sums.memoryMib)}`}
      />
      {allows('see-cluster') && (
        <Sum
          name="Power"
          value={`${countText(sums.watts)} W`}
          of={`${countText(sums.savedPercent)} % saved`}
        />
      )}
    </dl>
  )
}

function Sum({ name, value, of }: { name: string; value: string; of: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value} <small>{of}</small>
      </dd>
    </div>
  )
}

function ConnectionSign({ state }: { state: StreamState }) {
  if (state.is === 'away') return <AwaySign sinceMs={state.sinceMs} />
  return (
    <p class={`connection ${state.is}`} role="status">
      <Sign name={state.is === 'live' ? 'on' : 'wait'} />
      {state.is === 'live' ? 'live' : 'connecting'}
    </p>
  )
}

const tickMs = 1000

function AwaySign({ sinceMs }: { sinceMs: number }) {
  const [awayMs, setAwayMs] = useState(0)
  useEffect(() => {
    const tick = () => setAwayMs(Math.round((Date.now() - sinceMs) / tickMs) * tickMs)
    const timer = setInterval(tick, tickMs)
    return () => clearInterval(timer)
  }, [sinceMs])
  // The seconds change all the time; a screen reader hears once that it is away.
  return (
    <p class="connection away" role="status">
      <Sign name="bad" />
      <span>
        coordinator away
        <span aria-hidden="true">, as it was {msText(awayMs)} ago</span>
      </span>
    </p>
  )
}
