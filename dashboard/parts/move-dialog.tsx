// Where is it to go, and how: all nodes with their forecasts or why not, arrow keys between them,
// Enter moves. The same that dragging does, and more: the ways of migrating can be chosen.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { NodeView, VmView } from '#proto/api.ts'
import { mayAct, vmPhaseSentences } from '#proto/state.ts'
import { connection, view } from '../cluster.ts'
import { type MigrateParams, migrate } from '../commands.ts'
import { askProspects, type Prospect, prospectText } from '../forecasts.ts'
import { moveAsked } from '../questions.ts'
import { Dialog } from './dialog.tsx'
import { useGone } from './gone.ts'
import { Ways } from './ways.tsx'

export function MoveDialog() {
  const asked = moveAsked.value
  const now = view.value
  const vm = asked && now?.vms.find(({ id }) => id === asked.vmId)
  // Nobody is asked about a VM that takes its name later.
  const isGone = asked && now && !vm
  useGone(isGone ? asked.vmId : undefined, close)
  if (!asked || !now || !vm) return null
  return <Asked key={vm.id} vm={vm} first={asked.to} nodes={now.nodes} />
}

const close = () => {
  moveAsked.value = undefined
}

interface AskedProps {
  readonly vm: VmView
  readonly first: string | undefined
  readonly nodes: readonly NodeView[]
}

function Asked({ vm, first, nodes }: AskedProps) {
  const [params, setParams] = useState<MigrateParams>({})
  const standings = nodes
    .map(({ id, phase, power, evacuation }) => [id, phase, power, evacuation !== undefined].join())
    .join(' ')
  const { is } = connection.value
  // Asked anew when it is somewhere else, or is to go in another way, when a node stands otherwise,
  // and when who answers is back.
  const asked = useMemo(
    () => askProspects(vm.id, vm.nodeId, nodes, params),
    [vm.id, vm.nodeId, standings, params, is],
  )
  useEffect(() => () => asked.end(), [asked])
  const whyNot = whyNotNow(vm)
  const choose = (to: string | undefined, isForced = false) => {
    close()
    void migrate(vm.id, to, params, isForced)
  }
  return (
    <Dialog title={`Move ${vm.id} to …`} onClose={close} wide>
      {whyNot && <p class="fault">{whyNot}: it cannot move now.</p>}
      <Choices
        prospects={asked.prospects.value}
        first={first}
        may={whyNot === undefined}
        choose={choose}
        nodes={nodes}
      />
      <Ways params={params} change={setParams} />
      <div class="row end">
        <button type="button" onClick={close}>
          Cancel
        </button>
      </div>
    </Dialog>
  )
}

/** While it is thought over its phase may change, and the coordinator go away. */
function whyNotNow(vm: VmView): string | undefined {
  if (connection.value.is !== 'live') return 'The coordinator is away'
  return mayAct('migrate', vm.phase) ? undefined : `It ${vmPhaseSentences[vm.phase]}`
}

interface ChoicesProps {
  readonly nodes: readonly NodeView[]
  readonly prospects: ReadonlyMap<string, Prospect>
  readonly first: string | undefined
  readonly may: boolean
  choose(to: string | undefined, isForced?: boolean): void
}

const best = ''

function Choices({ nodes, prospects, first, may, choose }: ChoicesProps) {
  const list = useRef<HTMLUListElement>(null)
  useEffect(() => {
    const id = `to-${first ?? best}`
    list.current?.querySelector<HTMLElement>(`[id="${CSS.escape(id)}"]`)?.focus()
  }, [first])
  return (
    <ul class="choices" ref={list} onKeyDown={(event) => walk(event, list.current)}>
      <li>
        <button type="button" id={`to-${best}`} disabled={!may} onClick={() => choose(undefined)}>
          <b>Best node</b> <span>as the coordinator sees it</span>
        </button>
      </li>
      {nodes.map(({ id }) => (
        <Choice
          key={id}
          id={id}
          prospect={prospects.get(id) ?? { is: 'asking' }}
          may={may}
          choose={choose}
        />
      ))}
    </ul>
  )
}

function Choice({
  id,
  prospect,
  may,
  choose,
}: Pick<ChoicesProps, 'may' | 'choose'> & { id: string; prospect: Prospect }) {
  const isHopeless = prospect.is === 'open' && prospect.forecast?.verdict === 'hopeless'
  const isOpen = may && (prospect.is === 'open' || prospect.is === 'asking') && !isHopeless
  return (
    <li class={prospect.is}>
      <button
        type="button"
        id={`to-${id}`}
        // It can be read and reached: only pressing it does nothing.
        aria-disabled={!isOpen}
        onClick={() => isOpen && choose(id)}
      >
        <b>{id}</b> <span>{prospectText(prospect)}</span>
      </button>
      {isHopeless && may && (
        <button type="button" class="try" onClick={() => choose(id, true)}>
          Try it all the same
        </button>
      )}
    </li>
  )
}

/** Up and down, first and last. */
function walk(event: KeyboardEvent, list: Element | null): void {
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 }
  const buttons = [...(list?.querySelectorAll<HTMLElement>('button:not(:disabled)') ?? [])]
  const at = buttons.indexOf(document.activeElement as HTMLElement)
  const step = steps[event.key]
  const next = event.key === 'Home' ? buttons[0] : event.key === 'End' ? buttons.at(-1) : undefined
  const to = step === undefined ? next : buttons[(at + step + buttons.length) % buttons.length]
  if (!to) return
  event.preventDefault()
  to.focus()
}
