// One line of a process's log, and how it is shown to a person. Lines that are not JSON (a stack
// trace, a word of Node) are shown as they are, at the time of the line before them. Source of the
// format: pino's JSON (env/real/log.ts): level, time (ISO), name, msg, and the event's own fields.

import { clockTimeText } from './columns.ts'
import type { Paint, Terminal } from './terminal.ts'

export interface LogLine {
  readonly processId: string
  /** Wall clock, for merging the logs of several processes. */
  readonly atMs: number
  readonly raw: string
  readonly fields: Readonly<Record<string, unknown>> | undefined
}

const levelPaints: Readonly<Record<string, Paint>> = { ERROR: 'red', WARN: 'yellow', DEBUG: 'dim' }

export function readLogLines(processId: string, text: string): LogLine[] {
  const lines: LogLine[] = []
  let atMs = 0
  for (const raw of text.split('\n')) {
    if (raw === '') continue
    const fields = objectOf(raw)
    const time = Date.parse(String(fields?.time))
    if (!Number.isNaN(time)) atMs = time
    lines.push({ processId, atMs, raw, fields })
  }
  return lines
}

export function logLineText(line: LogLine, { paint }: Pick<Terminal, 'paint'>): string {
  const who = line.processId.padEnd(11)
  if (!line.fields) return `${''.padEnd(18)}  ${who}  ${line.raw}`
  const { level, time: _time, name: _name, msg, ...rest } = line.fields
  const levelName = String(level ?? '').toUpperCase()
  const style = levelPaints[levelName]
  const padded = levelName.padEnd(5)
  const fields = Object.entries(rest).map(([key, value]) => ` ${key}=${valueText(value)}`)
  const head = `${clockTimeText(line.atMs)} ${style ? paint(style, padded) : padded}`
  return `${head}  ${who}  ${String(msg ?? '')}${fields.join('')}`
}

const valueText = (value: unknown): string =>
  typeof value === 'string' && /^\S+$/.test(value) ? value : JSON.stringify(value)

function objectOf(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
