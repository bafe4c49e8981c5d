// A text for a terminal that is narrower than its lines: they go on below, broken between words and
// never inside one, under the column in which they ended. Nothing is cut, and what is piped or read
// by programs is never folded (terminal.ts). Not here: what is drawn in place (screen-text.ts).
// Units: characters; one character is one column wide, colours (ECMA-48 SGR sequences) none.

import { stripVTControlCharacters } from 'node:util'

/** Narrower than this a column is not worth going on in. */
const columnWidthMin = 28
const furtherIndent = 4

export const folded = (text: string, columns: number): string =>
  text
    .split('\n')
    .map((line) => foldedLine(line, columns))
    .join('\n')

function foldedLine(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line
  const indent = ' '.repeat(indentOf(stripVTControlCharacters(line), columns))
  const lines: string[] = []
  let current = ''
  for (const piece of line.split(/(?<=\S)(?=\s)/)) {
    const isFirst = current.trim() === ''
    if (isFirst || widthOf(current + piece) <= columns) current += piece
    else {
      lines.push(current)
      current = indent + piece.trimStart()
    }
  }
  return [...lines, current].join('\n')
}

const widthOf = (text: string): number => stripVTControlCharacters(text).length

/**
 * Where the last column begins that has room; in a sentence, and in a table with many columns to
 * come, a little to the right.
 */
function indentOf(plain: string, columns: number): number {
  const starts = [...plain.matchAll(/\S {2,}(?=\S)/g)].map(
    ({ index, 0: gap }) => index + gap.length,
  )
  const roomy = starts.filter((start) => start <= columns - columnWidthMin)
  const last = roomy.at(-1)
  if (last !== undefined && starts.length - roomy.length <= 1) return last
  const own = plain.length - plain.trimStart().length
  return Math.min(own + furtherIndent, Math.max(0, columns - columnWidthMin))
}
