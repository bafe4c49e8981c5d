// Which VM leaves an overloaded node? The four answers of Beloglazov and Buyya 2012, section 5:
// the one whose memory is sent soonest (MMT), any (RS), the one whose load the others explain best
// (MC), the one that uses least (MU). Called again until the node is not overloaded any more.
// Pure. Uses are 0 to 1 of a VM's own core, histories of the same length, newest first.

import type { Random } from '#env/env.ts'

export interface Candidate {
  readonly memoryMib: number
  readonly use: number
  readonly history: readonly number[]
}

export const selectorNames = ['mmt', 'rs', 'mc', 'mu'] as const
export type SelectorName = (typeof selectorNames)[number]

export type Selector = <Vm extends Candidate>(vms: readonly Vm[]) => Vm | undefined

export function selector(name: SelectorName, random: Random): Selector {
  if (name === 'mmt') return (vms) => least(vms, ({ memoryMib }) => memoryMib)
  if (name === 'mu') return (vms) => least(vms, ({ use }) => use)
  if (name === 'rs') return (vms) => vms[random.below(Math.max(1, vms.length))]
  return mostCorrelated
}

/** The first of the least. */
function least<Vm>(vms: readonly Vm[], measure: (vm: Vm) => number): Vm | undefined {
  let [best, bestIs] = [undefined as Vm | undefined, Number.POSITIVE_INFINITY]
  for (const vm of vms) {
    const is = measure(vm)
    if (is < bestIs) [best, bestIs] = [vm, is]
  }
  return best
}

/** With fewer samples than VMs anything can be explained: then as MMT. */
function mostCorrelated<Vm extends Candidate>(vms: readonly Vm[]): Vm | undefined {
  const samples = Math.min(...vms.map(({ history }) => history.length))
  if (vms.length === 0 || samples <= vms.length) return least(vms, ({ memoryMib }) => memoryMib)
  const parts = explainedParts(
    vms.map(({ history }) => history),
    samples,
  )
  let [best, bestIs] = [vms[0], 0]
  for (const [i, vm] of vms.entries()) {
    const is = parts[i] as number
    if (is > bestIs) [best, bestIs] = [vm, is]
  }
  return best
}

/**
 * For each: how much of it the others explain. One inversion of their covariances answers for all
 * of them (R² = 1 − 1 / (variance · its inverse)); when some of them are sums of others it has
 * none, and each is looked at alone.
 */
export function explainedParts(
  histories: readonly (readonly number[])[],
  samples: number,
): readonly number[] {
  const lively = histories
    .map((history, index) => ({ index, values: centred(history, samples) }))
    .filter(({ values }) => values.some((value) => value !== 0))
  const parts = histories.map(() => 0)
  const covariances = lively.map((a) => lively.map((b) => dot(a.values, b.values)))
  const inverse = diagonalOfInverse(covariances)
  for (const [i, { index }] of lively.entries()) {
    const others = histories.filter((_, other) => other !== index)
    parts[index] = inverse
      ? 1 - 1 / ((covariances[i]?.[i] as number) * (inverse[i] as number))
      : explainedPart(histories[index] as number[], others, samples)
  }
  return parts
}

/** By Cholesky; undefined when it is singular, or nearly. */
function diagonalOfInverse(matrix: readonly (readonly number[])[]): number[] | undefined {
  const size = matrix.length
  const lower = matrix.map((row) => Float64Array.from(row))
  const at = (i: number, j: number) => lower[i]?.[j] as number
  for (let j = 0; j < size; j++) {
    const column = lower[j] as Float64Array
    let pivot = at(j, j)
    for (let k = 0; k < j; k++) pivot -= at(j, k) ** 2
    if (pivot <= 1e-9 * (matrix[j]?.[j] as number)) return undefined
    column[j] = Math.sqrt(pivot)
    for (let i = j + 1; i < size; i++) {
      let sum = at(i, j)
      for (let k = 0; k < j; k++) sum -= at(i, k) * at(j, k)
      ;(lower[i] as Float64Array)[j] = sum / at(j, j)
    }
  }
  return matrix.map((_, unit) => lengthOfSolution(at, size, unit))
}

/** Of L · x = unit vector: the sum of x², which is the inverse's element on the diagonal. */
function lengthOfSolution(
  at: (i: number, j: number) => number,
  size: number,
  unit: number,
): number {
  const x = new Float64Array(size)
  let length = 0
  for (let i = unit; i < size; i++) {
    let sum = i === unit ? 1 : 0
    for (let k = unit; k < i; k++) sum -= at(i, k) * (x[k] as number)
    x[i] = sum / at(i, i)
    length += (x[i] as number) ** 2
  }
  return length
}

/**
 * R² of the multiple regression of one history on the others, with a constant (Abdi 2007): what is
 * left of it when all that the others span is taken away, by Gram and Schmidt. 0: it never varies.
 */
export function explainedPart(
  of: readonly number[],
  by: readonly (readonly number[])[],
  samples: number,
): number {
  const basis: Float64Array[] = []
  for (const one of by) {
    const direction = centred(one, samples)
    const before = dot(direction, direction)
    takeAway(direction, basis)
    const left = dot(direction, direction)
    // What is left of one that the earlier ones span already is rounding.
    if (left <= 1e-12 * before || left === 0) continue
    basis.push(direction.map((value) => value / Math.sqrt(left)))
  }
  const rest = centred(of, samples)
  const total = dot(rest, rest)
  if (total === 0) return 0
  takeAway(rest, basis)
  return 1 - dot(rest, rest) / total
}

function centred(history: readonly number[], samples: number): Float64Array {
  const values = Float64Array.from(history.slice(0, samples))
  const mean = values.reduce((sum, value) => sum + value, 0) / samples
  return values.map((value) => value - mean)
}

function takeAway(from: Float64Array, basis: readonly Float64Array[]): void {
  for (const direction of basis) {
    const along = dot(from, direction)
    for (let i = 0; i < from.length; i++)
      from[i] = (from[i] as number) - along * (direction[i] as number)
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}
