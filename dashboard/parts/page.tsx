// The page as a whole: who it is about, the nodes, what moves, what moved, what happened, and one
// VM close up.

import { connection, picture, selectedVmId, strangeness, view } from '../cluster.ts'
import { Announcer } from './announcer.tsx'
import { History } from './history.tsx'
import { Masthead } from './masthead.tsx'
import { Moves } from './moves.tsx'
import { Homeless, NodeCard } from './node-card.tsx'
import { Rules } from './rules.tsx'
import { Story } from './story.tsx'
import { VmPanel } from './vm-panel.tsx'

export function Page() {
  const now = picture.value
  const away = connection.value.is === 'away'
  return (
    <>
      <a class="skip" href="#nodes">
        Skip to the nodes
      </a>
      <Masthead />
      {strangeness.value && (
        <p class="banner" role="alert">
          The coordinator says something this page does not understand ({strangeness.value}). Reload
          the page; if that does not help, build it again: <code>npm run build</code>
        </p>
      )}
      {now ? (
        <main class={away ? 'stale' : ''}>
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
      ) : (
        <main class="waiting">
          <p class="empty">Waiting for the coordinator’s first word …</p>
        </main>
      )}
      <Announcer />
    </>
  )
}

function OpenPanel() {
  const vm = view.value?.vms.find(({ id }) => id === selectedVmId.value)
  return vm ? <VmPanel key={vm.id} vm={vm} nodes={view.value?.nodes ?? []} /> : null
}
