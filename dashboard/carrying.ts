// A VM that a person carries over the page with a pointer: taken up from its tile, held over nodes,
// dropped on one. With a mouse or pen a short pull takes it up; with a finger a short hold does,
// for a pull scrolls. Escape lets it go. Not here: what is asked then (commands.ts), the same by
// keyboard (parts/move-dialog.tsx), how it looks (parts/carried.tsx). Pixels and ms.

import { signal } from '@preact/signals'
import type { VmView } from '#proto/api.ts'
import { mayAct, vmPhaseSentences } from '#proto/state.ts'
import { isMine } from './actions.ts'
import { connection, view } from './cluster.ts'
import { migrate, tell } from './commands.ts'
import { type Asked, askProspects } from './forecasts.ts'
import { moveAsked } from './questions.ts'

export interface Carried {
  readonly vm: VmView
  readonly asked: Asked
}

export const carried = signal<Carried | undefined>(undefined)
/** The node it is held over. */
export const overNodeId = signal<string | undefined>(undefined)
/** Where the pointer was when it was taken up. */
export const takenUpAt = { x: 0, y: 0 }

const pullPx = 6
const holdMs = 350
/** Near the edge of the window the page scrolls. */
const edgePx = 56
const scrollPx = 9

/** A click that ends a pull is none. One of a key or a screen reader, of no pointer, ends none. */
let hasPulled = false
export const isClick = ({ detail }: MouseEvent): boolean => detail === 0 || !hasPulled

/** What a tile does when a pointer comes down on it. */
export function grip(event: PointerEvent, vm: VmView): void {
  hasPulled = false
  if (event.button !== 0 || connection.peek().is !== 'live' || !isMine('migrate', vm)) return
  const pull = new Pull(event, vm)
  pull.begin()
}

class Pull {
  readonly #vm: VmView
  readonly #tile: Element
  readonly #pointerId: number
  readonly #start: { readonly x: number; readonly y: number }
  readonly #isTouch: boolean
  readonly #listening = new AbortController()
  #at: { x: number; y: number }
  #hold: ReturnType<typeof setTimeout> | undefined

  constructor(event: PointerEvent, vm: VmView) {
    this.#vm = vm
    this.#tile = event.currentTarget as Element
    this.#pointerId = event.pointerId
    this.#start = { x: event.clientX, y: event.clientY }
    this.#at = { ...this.#start }
    this.#isTouch = event.pointerType === 'touch'
  }

  begin(): void {
    const { signal } = this.#listening
    addEventListener('pointermove', (event) => this.#move(event), { signal })
    addEventListener('pointerup', (event) => this.#up(event), { signal })
    addEventListener('pointercancel', (event) => this.#lost(event), { signal })
    addEventListener('blur', () => this.#end(), { signal })
    addEventListener('keydown', (event) => this.#key(event), { signal, capture: true })
    if (this.#isTouch) this.#hold = setTimeout(() => this.#takeUp(), holdMs)
  }

  #move(event: PointerEvent): void {
    if (event.pointerId !== this.#pointerId) return
    this.#at = { x: event.clientX, y: event.clientY }
    const isFar = Math.hypot(this.#at.x - this.#start.x, this.#at.y - this.#start.y) > pullPx
    if (carried.peek()) this.#look()
    else if (isFar && this.#isTouch) this.#end()
    else if (isFar) this.#takeUp()
  }

  #takeUp(): void {
    const { id, phase, nodeId } = this.#vm
    hasPulled = true
    if (!mayAct('migrate', phase)) {
      this.#end()
      tell(`${id} ${vmPhaseSentences[phase]}: it cannot move now.`, true)
      return
    }
    this.#tile.setPointerCapture?.(this.#pointerId)
    Object.assign(takenUpAt, this.#at)
    const asked = askProspects(id, nodeId, view.peek()?.nodes ?? [])
    carried.value = { vm: this.#vm, asked }
    document.documentElement.classList.add('carrying')
    this.#look()
    this.#scroll()
  }

  #look(): void {
    const { x, y } = this.#at
    const ghost = document.getElementById('carried')
    if (ghost) ghost.style.transform = `translate(${x}px, ${y}px)`
    const node = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-node]')
    overNodeId.value = node?.dataset.node
  }

  #scroll(): void {
    if (!carried.peek() || this.#listening.signal.aborted) return
    const { y } = this.#at
    if (y < edgePx) scrollBy(0, -scrollPx)
    else if (y > innerHeight - edgePx) scrollBy(0, scrollPx)
    requestAnimationFrame(() => this.#scroll())
  }

  #up(event: PointerEvent): void {
    if (event.pointerId !== this.#pointerId) return
    const held = carried.peek()
    const nodeId = overNodeId.peek()
    this.#end()
    if (held && nodeId !== undefined) drop(held, nodeId)
  }

  #lost(event: PointerEvent): void {
    if (event.pointerId === this.#pointerId) this.#end()
  }

  #key(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || !carried.peek()) return
    event.stopPropagation()
    this.#end()
  }

  #end(): void {
    clearTimeout(this.#hold)
    this.#listening.abort()
    carried.peek()?.asked.end()
    carried.value = undefined
    overNodeId.value = undefined
    document.documentElement.classList.remove('carrying')
  }
}

/** Dropped: the forecast was seen. One that says that it would not work is talked about first. */
function drop({ vm, asked }: Carried, nodeId: string): void {
  const prospect = asked.prospects.peek().get(nodeId)
  if (!prospect || prospect.is === 'here') return
  const isHopeless = prospect.is === 'open' && prospect.forecast?.verdict === 'hopeless'
  if (prospect.is === 'closed') tell(prospect.why, true)
  else if (isHopeless) moveAsked.value = { vmId: vm.id, to: nodeId }
  else void migrate(vm.id, nodeId)
}

/** A finger that carries a VM does not scroll; for as long as the page lives. */
export function holdPageWhileCarrying(): void {
  const hold = (event: Event) => {
    if (carried.peek()) event.preventDefault()
  }
  document.addEventListener('touchmove', hold, { passive: false })
  document.addEventListener('contextmenu', hold)
}
