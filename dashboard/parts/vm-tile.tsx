// One VM in a few square centimetres: name, state, workload, load. A click or Enter opens its
// panel; it can be carried to another node, and M asks where to. While it migrates the tile at the
// source shows how far it is, and a dashed one waits at the destination.

import { effect, useComputed, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { MigrationView, VmView } from '#proto/api.ts'
import { countText, percentText } from '#proto/quantity.ts'
import { isRunning, vmSentence } from '#proto/state.ts'
import { workloadOf } from '#proto/vm-spec.ts'
import { askWhereTo, isMine } from '../actions.ts'
import { grip, isClick } from '../carrying.ts'
import { vmSignal } from '../cluster.ts'
import { roundPart } from '../cluster-model.ts'
import { areKeysOn } from '../keys.ts'
import { go } from '../route.ts'
import { calmly, never } from './calmly.ts'
import { observe } from './in-sight.ts'
import { once } from './once.tsx'
import { Sign, vmSign } from './sign.tsx'

interface VmTileProps {
  readonly vm: VmView
  readonly leaving: MigrationView | undefined
  /** Its panel is. */
  readonly isOpen: boolean
}

export const VmTile = once(function VmTile({ vm, leaving, isOpen }: VmTileProps) {
  const { id } = vm
  const place = useRef<HTMLLIElement>(null)
  const shown = useShown(vm, place)
  const standing = useComputed(() => standingOf(shown.value)).value
  const sign = useComputed(() => vmSign(shown.value)).value
  const spoken = useComputed(() => spokenOf(shown.value))
  const fact = useComputed(() => factOf(shown.value))
  const fill = useComputed(() => fillOf(isRunning(shown.value) ? loadOf(shown.value) : 0))
  return (
    <li ref={place}>
      <button
        type="button"
        class={`tile ${standing}`}
        id={`tile-${id}`}
        aria-expanded={isOpen}
        aria-keyshortcuts={isMine('migrate', vm) ? 'M' : undefined}
        onPointerDown={(event) => grip(event, vmSignal(vm).value)}
        onClick={(event) => isClick(event) && go(isOpen ? { is: 'cluster' } : { is: 'vm', id })}
        onKeyDown={(event) => {
          if (event.key !== 'm' || !areKeysOn.peek()) return
          event.preventDefault() // It is this VM, and not the one that is open.
          askWhereTo(vmSignal(vm).peek())
        }}
      >
        <span class="name">
          <Sign name={sign} />
          <span>{id}</span>
        </span>
        <span class="facts">
          <span>{workloadOf(vm.spec)}</span>
          <span>{leaving ? `to ${leaving.to}` : fact}</span>
        </span>
        <span class="spoken">{spoken}</span>
        {leaving ? <Thin part={roundPart(leaving)} /> : <span class="thin" style={fill} />}
      </button>
    </li>
  )
})

/**
 * The VM as it is shown: another phase at once, another load when there is time, and out of sight
 * not before it is seen.
 */
function useShown(vm: VmView, place: { readonly current: Element | null }) {
  const now = vmSignal(vm)
  const shown = useSignal(now.peek())
  useEffect(() => {
    let isSeen = true
    const draw = () => {
      shown.value = now.peek()
    }
    const unfollow = effect(() => {
      if (standingOf(now.value) !== standingOf(shown.peek())) draw()
      else if (isSeen && now.value !== shown.peek()) calmly(draw)
    })
    const unobserve =
      place.current &&
      observe(place.current, (isInSight) => {
        isSeen = isInSight
        if (isSeen && now.peek() !== shown.peek()) calmly(draw)
      })
    return () => {
      unfollow()
      unobserve?.()
      never(draw)
    }
  }, [now])
  return shown
}

const fillOf = (part: number): string =>
  `background-size: ${Math.round(Math.min(1, part) * 100)}% 100%`

function Thin({ part }: { part: number }) {
  return <span class="thin moving" style={fillOf(part)} />
}

/** In one word. */
const standingOf = ({ phase, isUnknown }: VmView): string => (isUnknown ? 'unknown' : phase)

const loadOf = ({ load }: VmView): number => (load?.cpuGotPercent ?? 0) / 100

/** What matters most in its phase: the load when it runs, else the phase itself. */
function factOf(vm: VmView): string {
  const { phase, load, isUnknown } = vm
  return phase === 'running' && load && !isUnknown
    ? percentText(load.cpuGotPercent)
    : standingOf(vm)
}

/** What eyes see in the sign and the bar, after the words that are there for all. */
function spokenOf(vm: VmView): string {
  const { load, isUnknown } = vm
  const isTold = load && !isUnknown
  const written = isTold ? `, ${countText(load.dirtyPagesPerSec)} dirty pages a second` : ''
  return `${vmSentence(vm)}${written}`
}

export function ArrivingTile({ name, migration }: { name: string; migration: MigrationView }) {
  return (
    <li>
      <div class="tile arriving">
        <span class="name">
          <Sign name="move" />
          <span>{name}</span>
        </span>
        <span class="facts">
          <span>arriving</span>
          <span>from {migration.from}</span>
        </span>
        <Thin part={roundPart(migration)} />
      </div>
    </li>
  )
}
