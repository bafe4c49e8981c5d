// Rows and columns as aligned text. Nothing is ever cut: a table that is too wide wraps in the
// terminal, and can be piped, searched and copied whole. Not here: which columns there are
// (columns.ts). Units: characters; one character is one column wide.

import type { Paint, Terminal } from './terminal.ts'

export interface Column<Row> {
  readonly title: string
  text(row: Row): string
  readonly align?: 'right'
  /** Shown only by `-o wide`. */
  readonly wide?: boolean
  /** A colour besides the word, never instead of it. */
  paint?(row: Row): Paint | undefined
}

const gap = '  '

/** The lines of the table, the titles first. */
export function tableText<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  paint: Terminal['paint'],
): string {
  const cells = rows.map((row) => columns.map((column) => column.text(row)))
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...cells.map((line) => line[i]?.length ?? 0)),
  )
  const pad = (text: string, i: number) => {
    const width = widths[i] ?? 0
    return columns[i]?.align === 'right' ? text.padStart(width) : text.padEnd(width)
  }
  const titles = columns.map((column, i) => pad(column.title, i))
  const lines = rows.map((row, r) =>
    columns.map((column, i) => {
      const style = column.paint?.(row)
      const text = pad(cells[r]?.[i] ?? '', i)
      return style === undefined ? text : paint(style, text)
    }),
  )
  const head = paint('dim', titles.join(gap).trimEnd())
  return [head, ...lines.map((line) => line.join(gap).trimEnd())].join('\n')
}
