// A finding about a scenario whose shape is right, and the commonest one: a name that nobody has
// declared. The path leads to the value at fault, so that its reader is sent to the right line.

import { suggestion } from './nearest-name.ts'
import type { YamlPath } from './yaml-text.ts'

export interface Finding {
  readonly path: YamlPath
  readonly message: string
}

export function unknown(
  what: string,
  path: YamlPath,
  name: string | undefined,
  known: readonly string[],
): Finding[] {
  if (name === undefined || known.includes(name)) return []
  return [{ path, message: `there is no ${what} \`${name}\`${suggestion(name, known)}` }]
}
