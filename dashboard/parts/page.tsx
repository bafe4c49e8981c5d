// The page as a whole: who it is about, the nodes, what moves, what moved, what happened, and one
// VM close up.

import { connection, picture, selectedVmId, strangeness, view } from '../cluster.ts'
import { Announcer } from './announcer.tsx'
import { Carried } from './carried.tsx'
import { Confirm } from './confirm.tsx'
import { History } from './history.tsx'
import { Masthead } from './masthead.tsx'
import { MoveDialog } from './move-dialog.tsx'
import { Moves } from './moves.tsx'
import { Homeless, NodeCard } from './node-card.tsx'
import { Rules } from './rules.tsx'
import { Story } from './story.tsx'
import { VmPanel } from './vm-panel.tsx'

export function Page() {
  return (
    <>
      <a class="skip" href="#nodes" onClick={skip}>
        Skip to the nodes
      </a>
      <Masthead />
      {strangeness.value && (
        <p class="banner" role="alert">
          The coordinator says something this page does not understand ({strangeness.value}). Reload
          the page; if that does not help, build it again: <code>npm run build</code>
        </p>
      )}
      <Cluster />
      <Carried />
      <Confirm />
      <MoveDialog />
      <Announcer />
    </>
  )
}

/** The hash of the address is the page's own: a plain link would leave the place. */
function skip(event: Event): void {
  event.preventDefault()
  document.getElementById('nodes')?.focus()
}

function Cluster() {
  const now = picture.value
  if (!now)
    return (
      <main class="waiting">
        <p class="empty">Waiting for the coordinator’s first word …</p>
      </main>
    )
  return (
    <main class={connection.value.is === 'away' ? 'stale' : ''}>
      <section class="nodes" id="nodes" aria-label="Nodes" tabIndex={-1}>
        {now.columns.length === 0 && <p class="empty">No node has joined yet.</p>}
        {now.columns.map((column) => (
          <NodeCard key={column.node.id} {...column} />
        ))}
        {now.homeless.length > 0 && <Homeless vms={now.homeless} />}
      </section>
      <div class="aside">
        <OpenPanel />
        <Moves moving={now.moving} />
        {view.value && <Rules {...view.value} />}
        <Story events={now.events} />
      </div>
      <History ended={now.ended} />
    </main>
  )
}

function OpenPanel() {
  const vm = view.value?.vms.find(({ id }) => id === selectedVmId.value)
  return vm ? <VmPanel key={vm.id} vm={vm} nodes={view.value?.nodes ?? []} /> : null
}
