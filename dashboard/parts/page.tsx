// The page as a whole: who it is about, the nodes, what moves, what moved, what happened, and one
// VM close up.

import { useRef } from 'preact/hooks'
import { connection, picture, strangeness, view } from '../cluster.ts'
import type { ClusterPicture } from '../cluster-model.ts'
import { isScreenAlone, route } from '../route.ts'
import { Announcer } from './announcer.tsx'
import { Carried } from './carried.tsx'
import { Confirm } from './confirm.tsx'
import { Elsewhere } from './elsewhere.tsx'
import { Events } from './events.tsx'
import { Help } from './help.tsx'
import { History } from './history.tsx'
import { useKeptFocus } from './kept-focus.ts'
import { Links } from './links.tsx'
import { Load } from './load-graphs.tsx'
import { Masthead, mayGo } from './masthead.tsx'
import { Missing } from './missing.tsx'
import { MoveDialog } from './move-dialog.tsx'
import { Moves } from './moves.tsx'
import { Homeless, NodeCard } from './node-card.tsx'
import { NodePanel } from './node-panel.tsx'
import { PolicyDialog } from './policy-dialog.tsx'
import { Quotas } from './quotas.tsx'
import { RuleDialog } from './rule-dialog.tsx'
import { Rules } from './rules.tsx'
import { RunDialog } from './run-dialog.tsx'
import { ScreenPage } from './screen-page.tsx'
import { Story } from './story.tsx'
import { TemplateDialogs } from './template-dialogs.tsx'
import { Templates } from './templates.tsx'
import { VmPanel } from './vm-panel.tsx'

export function Page() {
  const at = route.value
  if (isScreenAlone(at))
    return (
      <>
        <Elsewhere />
        <ScreenPage id={at.id} />
      </>
    )
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('nodes')?.focus()}>
        Skip to the nodes
      </button>
      <Masthead />
      {strangeness.value && (
        <p class="banner" role="alert">
          The coordinator says something this page does not understand ({strangeness.value}). Reload
          the page; if that does not help, build it again: <code>npm run build</code>
        </p>
      )}
      <Elsewhere />
      <Place />
      <Carried />
      <Confirm />
      <MoveDialog />
      <RunDialog />
      <TemplateDialogs />
      <PolicyDialog />
      <RuleDialog />
      <Help />
      <Announcer />
    </>
  )
}

function Place() {
  const at = route.value
  if (at.is === 'links' && mayGo(at)) return <Links />
  if (at.is === 'templates' && mayGo(at)) return <Templates />
  if (at.is === 'load' && mayGo(at)) return <Load />
  return at.is === 'events' ? <Events filter={at.filter} /> : <Cluster />
}

/** From so many on nothing slides: a hundred bars that do are no sight, and cost frames. */
const manyNodes = 8

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
      <Nodes {...now} />
      <div class="aside">
        <OpenPanel />
        {view.value?.quotas && <Quotas quotas={view.value.quotas} />}
        <Story events={now.events} />
        <Moves moving={now.moving} />
        {view.value && <Rules {...view.value} />}
      </div>
      <History ended={now.ended} />
    </main>
  )
}

function Nodes({ columns, homeless }: Pick<ClusterPicture, 'columns' | 'homeless'>) {
  const box = useRef<HTMLElement>(null)
  // A tile that comes to another node is another element there.
  useKeptFocus(box, (before) => document.getElementById(before?.id || 'nodes') ?? box.current)
  return (
    <section
      class={`nodes ${columns.length > manyNodes ? 'many' : ''}`}
      id="nodes"
      ref={box}
      aria-label="Nodes"
      tabIndex={-1}
    >
      {columns.length === 0 && <p class="empty">No node has joined yet.</p>}
      {columns.map((column) => (
        <NodeCard key={column.node.id} {...column} />
      ))}
      {homeless.length > 0 && <Homeless vms={homeless} />}
    </section>
  )
}

function OpenPanel() {
  const at = route.value
  if (!view.value) return null
  const { vms, nodes } = view.value
  const vm = at.is === 'vm' && vms.find(({ id }) => id === at.id)
  const node = at.is === 'node' && nodes.find(({ id }) => id === at.id)
  if (vm) return <VmPanel key={vm.id} vm={vm} nodes={nodes} />
  if (node) return <NodePanel key={node.id} node={node} />
  return at.is === 'vm' || at.is === 'node' ? <Missing key={at.id} is={at.is} id={at.id} /> : null
}
