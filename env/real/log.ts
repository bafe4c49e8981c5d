// Structured logs: one JSON object a line on stderr (pino), so that stdout stays free for what a
// person asked for.

import pino from 'pino'
import type { Log } from '../env.ts'

/** @param name which process this is, e.g. `agent node-1`. @param level as pino's. */
export function realLog(name: string, level: string): Log {
  const destination = pino.destination({ dest: 2, sync: true })
  const timestamp = pino.stdTimeFunctions.isoTime
  // Levels by name: whoever collects the lines need not know pino's numbers.
  const formatters = { level: (label: string) => ({ level: label }) }
  return wrap(pino({ name, level, base: { name }, timestamp, formatters }, destination))
}

function wrap(logger: pino.Logger): Log {
  return {
    debug: (event, fields) => logger.debug(fields ?? {}, event),
    info: (event, fields) => logger.info(fields ?? {}, event),
    warn: (event, fields) => logger.warn(fields ?? {}, event),
    error: (event, fields) => logger.error(fields ?? {}, event),
    child: (fields) => wrap(logger.child(fields)),
  }
}
