// The story of a run as text that is the same in every run: what happened in which order, and what
// was found. No times, no counts that vary, no places that placement chose. Compared with
// expected.log line by line.

import type { Recording, StepRecord } from './recording.ts'

export function transcriptOf(recording: Recording): string {
  const { name, about, nodeIds, vmIds, steps, verdicts } = recording
  const lines = [
    `${name}: ${about}`,
    `nodes: ${nodeIds.join(', ')}`,
    `VMs: ${vmIds.join(', ') || 'none'}`,
    ...(recording.fault === undefined ? [] : [`the run ended early: ${recording.fault.code}`]),
    ...section('steps', steps.map(stepLine)),
    ...section(
      'expected',
      verdicts.map(({ sentence, verdict }) => `${sentence}: ${verdict}`),
    ),
    ...section('at the end', endLines(recording)),
  ]
  return `${lines.join('\n')}\n`
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', `${title}:`, ...lines.map((line) => `  ${line}`)]

const stepLine = ({ sentence, outcome, fault }: StepRecord, index: number): string =>
  `${index + 1}. ${sentence}: ${outcome}${fault === undefined ? '' : ` (${fault.code})`}`

/** Each VM's phase and how often it was brought back; clones of one parent in one line. */
function endLines({ vms }: Recording): string[] {
  const ids = new Set(vms.filter((vm) => vm.clonedFrom === undefined).map((vm) => vm.id))
  return [...ids].sort().flatMap((id) => {
    const vm = vms.find((other) => other.id === id)
    const clones = vms.filter((other) => other.clonedFrom === id)
    const running = clones.filter((clone) => clone.phase === 'running').length
    const recovered = vm && vm.recoveries > 0 ? `, brought back ${times(vm.recoveries)}` : ''
    const of = clones.length > 0 ? `; ${running} of its ${clones.length} clones running` : ''
    return [`${id}: ${vm?.phase}${recovered}${of}`]
  })
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`)

/** Lines that differ: `- ` expected and missing, `+ ` there and not expected. Empty: equal. */
export function differences(expected: string, found: string): string[] {
  if (expected === found) return []
  const [before, after] = [expected.split('\n'), found.split('\n')]
  const kept = longestCommonLines(before, after)
  return [
    ...lessOf(before, kept).map((line) => `- ${line}`),
    ...lessOf(after, kept).map((line) => `+ ${line}`),
  ]
}

/** The lines of `all` that are not in its subsequence `kept`. */
function lessOf(all: readonly string[], kept: readonly string[]): string[] {
  let next = 0
  return all.filter((line) => {
    if (line !== kept[next]) return true
    next += 1
    return false
  })
}

function longestCommonLines(a: readonly string[], b: readonly string[]): string[] {
  // lengths[i][j]: of the longest common subsequence of a[i..] and b[j..].
  const lengths = Array.from({ length: a.length + 1 }, () =>
    new Array<number>(b.length + 1).fill(0),
  )
  const at = (i: number, j: number) => lengths[i]?.[j] ?? 0
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--) {
      const row = lengths[i] as number[]
      row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  const common: string[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      common.push(a[i] as string)
      i++
      j++
    } else if (at(i + 1, j) >= at(i, j + 1)) i++
    else j++
  }
  return common
}
