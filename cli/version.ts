// Which Godwit this is: as its package says. Not here: what agents and coordinators tell each other
// (proto/).

import { readFileSync } from 'node:fs'

export const version = (): string => {
  const file = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
