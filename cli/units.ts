// Quantities on the command line: a bare number is in the unit that --help names (`<MiB>`, `<ms>`),
// and a number with a unit is taken as it is meant. Not here: bounds (help.ts), quantities of the
// scenario language, which always have their unit (scenarios/language/quantities.ts).

import { InvalidArgumentError } from 'commander'

type Read = (text: string) => number

const timeMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const timeSeconds = { ms: 0.001, s: 1, m: 60, h: 3600 }
/** Memory and disks are counted by 1,024s, also where somebody writes only G. */
const sizeMib = { m: 1, mb: 1, mib: 1, g: 1024, gb: 1024, gib: 1024 }
const rateMBPerSec = {
  ...{ 'kb/s': 0.001, 'mb/s': 1, 'gb/s': 1000 },
  ...{ 'kbit/s': 0.000125, 'mbit/s': 0.125, 'gbit/s': 125 },
}

export const inMs = (read: Read): Read => withUnits(timeMs, '500ms, 2s', read)
export const inSeconds = (read: Read): Read => withUnits(timeSeconds, '90s, 2m', read)
export const inMib = (read: Read): Read => withUnits(sizeMib, '64MiB, 1GiB', read)
export const inPercent = (read: Read): Read => withUnits({ '%': 1 }, '50%', read)
export const inMBPerSec = (read: Read): Read => withUnits(rateMBPerSec, '40MB/s, 100Mbit/s', read)

function withUnits(units: Readonly<Record<string, number>>, such: string, read: Read): Read {
  return (text) => {
    const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z/%]+)$/i.exec(text) ?? []
    if (unit === '') return read(text)
    const factor = units[unit.toLowerCase()]
    if (factor === undefined) throw new InvalidArgumentError(`Write a unit as in ${such}, or none.`)
    return read(String(Number((Number(digits) * factor).toFixed(6))))
  }
}
