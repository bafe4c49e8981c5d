// A VM that a person starts from the page: what it may be, and the request that becomes of what was
// filled in. Pure. Not here: the form (parts/run-dialog.tsx), what all of it means (docs/guest.md,
// docs/linux.md).

import type { z } from 'zod'
import type { RunRequest } from '#proto/api.ts'
import { nameLettersMax, namePattern, templateLettersMax } from '#proto/ids.ts'
import { readScreenSize } from '#proto/screen.ts'
import { ownImage } from '#proto/vm-spec.ts'

/** As the fields have it. */
export interface Wanted {
  readonly name: string
  readonly image: string
  readonly args: string
  readonly memoryMib: number
  readonly diskMib: number
  /** `800x600`, or nothing. */
  readonly screen: string
  /** Where it begins; nothing: where the coordinator sees fit. */
  readonly node: string
}

interface Kind {
  readonly word: string
  /** What the fields say until somebody says otherwise. */
  readonly is: Omit<Wanted, 'name' | 'node'>
}

const ours = { image: ownImage, memoryMib: 32, diskMib: 0, screen: '' }

// tidy: data table
export const kinds = {
  store: {
    word: 'a key-value store with a durable disk',
    is: { ...ours, args: 'workload=kv', diskMib: 16 },
  },
  walker: {
    word: 'rewrites 2,000 pages a second',
    is: { ...ours, args: 'workload=dirty wss=16 rate=2000', memoryMib: 64 },
  },
  busy: { word: 'burns CPU: 60 % of a core', is: { ...ours, args: 'workload=cpu load=60' } },
  proof: { word: 'checks its own memory all the time', is: { ...ours, args: 'workload=check' } },
  desk: {
    word: 'a desktop, to be used in the browser',
    is: { ...ours, args: 'workload=desktop', screen: '800x600' },
  },
  linux: {
    word: 'Debian Linux, once it is pulled',
    is: { ...ours, image: 'debian', args: '', memoryMib: 128 },
  },
} satisfies Record<string, Kind>
export type KindName = keyof typeof kinds
export const kindWords = Object.fromEntries(
  Object.entries(kinds).map(([name, { word }]) => [name, word]),
) as Readonly<Record<KindName, string>>

/** `store`, or the first of `store-2`, `store-3` … that nobody has. */
export function freeName(word: string, taken: ReadonlySet<string>): string {
  let name = word
  for (let n = 2; taken.has(name); n++)
    name = `${word.slice(0, nameLettersMax - `-${n}`.length)}-${n}`
  return name
}

/** The VM's own, as far as the store has room for it. */
export const templateNameOf = (vmId: string): string =>
  vmId.slice(0, templateLettersMax).replace(/-+$/, '')

/** As the coordinator has them (VmSpec). */
export const limitsMib = { memory: [4, 3072], disk: [0, 16384] } as const

/** @param what the name is of: a VM, a template */
export function nameMistake(
  name: string,
  what: string,
  taken: ReadonlySet<string>,
): string | undefined {
  if (!namePattern.test(name))
    return `A name is of a-z, 0-9 and -, up to ${nameLettersMax} of them, with no - at either end.`
  return taken.has(name) ? `There is a ${what} ${name} already: choose another name.` : undefined
}

/** What is wrong with it, as far as it can be seen from here; the coordinator sees the rest. */
export function mistakeIn(wanted: Wanted, taken: ReadonlySet<string>): string | undefined {
  const mistake = nameMistake(wanted.name, 'VM', taken)
  if (mistake !== undefined) return mistake
  for (const [what, value] of [
    ['memory', wanted.memoryMib],
    ['disk', wanted.diskMib],
  ] as const) {
    const [least, most] = limitsMib[what]
    if (value < least || value > most)
      return `Its ${what} is from ${least} to ${most.toLocaleString('en')} MiB.`
  }
  if (wanted.screen !== '' && !readScreenSize(wanted.screen))
    return 'A screen is written as its width and height, for example 800x600.'
  return undefined
}

export function requestOf(wanted: Wanted): z.input<typeof RunRequest> {
  const { name, image, args, memoryMib, diskMib, screen, node } = wanted
  return {
    id: name,
    spec: { image, args, memoryMib, diskMib, ...(screen !== '' && { screen }) },
    ...(node !== '' && { startOn: node }),
  }
}
