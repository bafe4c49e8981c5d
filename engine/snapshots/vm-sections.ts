// The state of a VM besides its RAM, as one section a part: who writes and reads which, and that
// none is lost.
// Not here: what is inside a section (each part writes its own), RAM (pages), disks (layers in the
// shared store).
//
// A restore is all or nothing in what it names: an unknown section, one that came twice and one
// that is missing are errors, and the message lists all of them, because a migration that fails
// should fail with the whole reason.

import type { Section } from '../vm-config.ts'
import { SnapshotError } from './section-bytes.ts'

/** A part of a VM that has state. Its kind is unique within the VM. */
export interface Snapshotted {
  readonly sectionKind: string
  /** Equal state gives equal bytes: both ends of a migration hash them. */
  capture(): Section
  /** Takes over the state; throws SnapshotError when the section is not one it can read. */
  restore(section: Section): void
  /** It is as it was made, and then has no section: who does not use it needs not know of it. */
  readonly isAtRest?: boolean
  /** There is no section of it: it is as it was made. */
  rest?(): void
}

/** One section a part, in the order of the parts. */
export function captureSections(parts: readonly Snapshotted[]): Section[] {
  return parts.filter(({ isAtRest }) => !isAtRest).map((part) => part.capture())
}

/**
 * Gives each part its section. Throws SnapshotError, before any part is touched, if parts and
 * sections differ.
 */
export function restoreSections(parts: readonly Snapshotted[], sections: readonly Section[]): void {
  const wrong = differences(
    parts,
    sections.map((section) => section.kind),
  )
  if (wrong.length > 0) {
    throw new SnapshotError(
      `This snapshot does not fit the VM: ${wrong.join('; ')}. ` +
        'Restore it into a VM of the same spec, on a node of the same Godwit version.',
    )
  }
  const byKind = new Map(sections.map((section) => [section.kind, section]))
  for (const part of parts) {
    const section = byKind.get(part.sectionKind)
    if (section) part.restore(section)
    else part.rest?.()
  }
}

function differences(parts: readonly Snapshotted[], got: readonly string[]): string[] {
  const known = parts.map(({ sectionKind }) => sectionKind)
  const wanted = parts.filter(({ rest }) => !rest).map(({ sectionKind }) => sectionKind)
  const twice = got.filter((kind, at) => got.indexOf(kind) !== at)
  const unknown = got.filter((kind) => !known.includes(kind))
  const missing = wanted.filter((kind) => !got.includes(kind))
  return [
    ...named('unknown', unknown),
    ...named('missing', missing),
    ...named('more than once', twice),
  ]
}

const named = (what: string, kinds: readonly string[]): string[] =>
  kinds.length === 0 ? [] : [`${what}: ${[...new Set(kinds)].join(', ')}`]
