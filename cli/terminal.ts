// What a command says and where: results on stdout, all that is said to a person meanwhile on
// stderr. Colours and redrawing only on a terminal; NO_COLOR and FORCE_COLOR are honoured
// (no-color.org). Tests hand in a terminal that remembers. Units: columns of characters, rows of
// lines.

import { styleText } from 'node:util'
import { createLogUpdate } from 'log-update'
import { folded } from './folded.ts'
import { harmless } from './harmless-text.ts'
import { screenText } from './screen-text.ts'

export type Paint = Parameters<typeof styleText>[0]

/** A block of lines that is drawn again in place. */
export interface LiveBlock {
  draw(text: string): void
  /** Leaves the last drawing where it is, or this text in its place, however long. */
  done(text?: string): void
  /** Takes the last drawing away. */
  clear(): void
}

export interface Terminal {
  /** Is stdout a terminal with a person before it? */
  readonly interactive: boolean
  /** Is stderr one? */
  readonly notesInteractive: boolean
  readonly columns: number
  /** Lines that are seen at once. */
  readonly rows: number
  /** One result line (or several) on stdout. */
  write(text: string): void
  /** The same for programs: it stays as it is, however wide. */
  data(text: string): void
  /** One line for a person on stderr. */
  note(text: string): void
  paint(style: Paint, text: string): string
  live(on: 'stdout' | 'stderr'): LiveBlock
}

export interface ProcessTerminal extends Terminal {
  /** A block is being drawn: what is written between its drawings would spoil it. */
  readonly draws: boolean
}

/** What others wrote does nothing to a terminal; what is piped stays as it is. */
const shown = (text: string, { isTTY }: NodeJS.WriteStream): string =>
  isTTY ? harmless(text) : text

const fitted = (text: string, stream: NodeJS.WriteStream): string =>
  stream.isTTY && stream.columns > 0
    ? folded(shown(text, stream), stream.columns)
    : shown(text, stream)

export function processTerminal(): ProcessTerminal {
  const { stdout, stderr } = process
  let blocks = 0
  const edges = {
    get columns() {
      return stdout.columns ?? stderr.columns ?? 80
    },
    get rows() {
      return stdout.rows ?? stderr.rows ?? 24
    },
  }
  return {
    get draws() {
      return blocks > 0
    },
    interactive: stdout.isTTY === true,
    notesInteractive: stderr.isTTY === true,
    get columns() {
      return edges.columns
    },
    get rows() {
      return edges.rows
    },
    write: (text) => void stdout.write(`${fitted(text, stdout)}\n`),
    data: (text) => void stdout.write(`${shown(text, stdout)}\n`),
    note: (text) => void stderr.write(`${fitted(text, stderr)}\n`),
    paint: (style, text) => styleText(style, text, { stream: stdout }),
    live: (on) => {
      const update = createLogUpdate(on === 'stdout' ? stdout : stderr)
      blocks++
      const end = () => {
        blocks--
        update.done()
      }
      return {
        draw: (text) => update(screenText(harmless(text), edges)),
        done: (text) => {
          if (text !== undefined) update.persist(harmless(text))
          end()
        },
        clear: () => {
          update.clear()
          end()
        },
      }
    },
  }
}
