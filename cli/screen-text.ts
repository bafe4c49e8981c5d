// As much of a text as a terminal shows at once: its first lines, each cut at the right edge. For
// what is drawn in place, where a line that wraps or a first line that has scrolled away would
// spoil the picture; lists that are printed are never cut (table.ts). Units: characters; one
// character is one column wide, colours (ECMA-48 SGR sequences) none.

import type { Terminal } from './terminal.ts'

/** The cursor waits below the text, on a line of its own. */
const cursorRows = 1
const mark = '…'

export function screenText(
  text: string,
  { columns, rows }: Pick<Terminal, 'columns' | 'rows'>,
): string {
  const lines = text.split('\n')
  const room = Math.max(1, rows - cursorRows)
  const seen = lines.length <= room ? lines : [...lines.slice(0, room - 1), mark]
  return seen.map((line) => cutLine(line, columns)).join('\n')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: ESC begins a colour.
const colours = /(\x1b\[[\d;]*m)/

/** Colours after the cut are kept: the last of them switches the first off. */
function cutLine(line: string, columns: number): string {
  const pieces = line.split(colours)
  const length = pieces.reduce((sum, piece, i) => sum + (isColour(i) ? 0 : piece.length), 0)
  if (length <= columns) return line
  let room = columns - mark.length
  const cut = pieces.map((piece, i) => {
    if (isColour(i)) return piece
    const kept = piece.slice(0, room)
    room -= kept.length
    return kept
  })
  return cut.join('') + mark
}

/** split() with one group gives text and colour in turn. */
const isColour = (index: number): boolean => index % 2 === 1
