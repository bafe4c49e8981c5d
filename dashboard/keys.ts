// Keys that do something wherever a person is on the page. Single letters can be switched off, for
// who speaks to a computer or hits keys by chance (WCAG 2.1.4, Character Key Shortcuts). Not here:
// keys of one part (Escape in a panel, arrows in a list), which stand where that part is.

import { askWhereTo } from './actions.ts'
import { selectedVmId, view } from './cluster.ts'
import { isHelpOpen, isRunAsked } from './questions.ts'
import { go, isScreenAlone, route } from './route.ts'
import { allows } from './session.ts'
import { storedChoice } from './stored-choice.ts'

export interface KeyRow {
  readonly key: string
  readonly what: string
  readonly run: () => void
}

export const findId = 'find'

export const keyTable: readonly KeyRow[] = [
  { key: '?', what: 'this help', run: openHelp },
  { key: '/', what: 'find a VM or a node', run: () => document.getElementById(findId)?.focus() },
  { key: '1', what: 'the cluster', run: () => go({ is: 'cluster' }) },
  { key: '2', what: 'links, for who may see them', run: () => go({ is: 'links' }) },
  { key: '3', what: 'events', run: () => go({ is: 'events', filter: {} }) },
  { key: '4', what: 'templates, for who may see them', run: () => go({ is: 'templates' }) },
  { key: '5', what: 'load over time, for who may see it', run: () => go({ is: 'load' }) },
  { key: 'n', what: 'a new VM, for who may start one', run: askForNew },
  {
    key: 'm',
    what: 'move the VM that is open, or whose tile has the focus, for who may',
    run: moveOpen,
  },
  { key: 'e', what: 'events of the VM or node that is open', run: eventsOfOpen },
]

/** Of parts of the page; told in the help. */
export const otherKeys: readonly (readonly [key: string, what: string])[] = [
  ['← ↑ → ↓', 'from tile to tile'],
  ['Enter', 'open the tile’s VM'],
  ['Escape', 'close what is open, let go what is carried'],
]

function openHelp(): void {
  isHelpOpen.value = true
}

function askForNew(): void {
  if (view.peek() && allows('run')) isRunAsked.value = true
}

function moveOpen(): void {
  const open = view.peek()?.vms.find(({ id }) => id === selectedVmId.peek())
  if (open) askWhereTo(open)
}

function eventsOfOpen(): void {
  const at = route.peek()
  if (at.is === 'vm' || at.is === 'node') go({ is: 'events', filter: { [at.is]: at.id } })
}

export const areKeysOn = storedChoice('godwit-single-keys', true)

/** For as long as the page lives. */
export function watchKeys(): void {
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    // Beside a screen that is alone nobody sees what a key would open.
    if (isTyping(event.target) || isScreenAlone(route.peek())) return
    if (walk(event)) return
    const row = keyTable.find(({ key }) => key === event.key)
    if (!row || !areKeysOn.peek()) return
    event.preventDefault()
    row.run()
  })
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof Element &&
  target.closest('input, select, textarea, [contenteditable], .console, .xterm') !== null

const ways: Record<string, readonly [x: number, y: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/** From the tile that has the focus to the nearest one that way. */
function walk(event: KeyboardEvent): boolean {
  const way = ways[event.key]
  const from = document.activeElement
  if (!way || !from?.classList.contains('tile')) return false
  const at = middleOf(from)
  let nearest: HTMLElement | undefined
  let least = Number.POSITIVE_INFINITY
  for (const tile of document.querySelectorAll<HTMLElement>('button.tile')) {
    const { x, y } = middleOf(tile)
    const ahead = (x - at.x) * way[0] + (y - at.y) * way[1]
    const aside = Math.abs((x - at.x) * way[1]) + Math.abs((y - at.y) * way[0])
    if (ahead > 1 && ahead + 3 * aside < least) [nearest, least] = [tile, ahead + 3 * aside]
  }
  event.preventDefault()
  nearest?.focus()
  return true
}

function middleOf(element: Element): { readonly x: number; readonly y: number } {
  const { left, right, top, bottom } = element.getBoundingClientRect()
  return { x: (left + right) / 2, y: (top + bottom) / 2 }
}
