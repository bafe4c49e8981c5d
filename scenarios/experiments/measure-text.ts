// How measures are written: their titles, in which unit, with how many digits, and which way is
// better. One table for terminal, page and comparison. Pure.

import { countText } from '#proto/quantity.ts'
import type { Measures } from './consolidation/account.ts'
import type { Estimate, Estimates } from './summary.ts'

export interface MeasureText {
  readonly key: keyof Measures
  readonly title: string
  /** A sentence for those who do not know it. */
  readonly about: string
  number(value: number): string
}

const digits = (factor: number, places: number) => (value: number) =>
  (value * factor).toFixed(places)

export const measureTexts: readonly MeasureText[] = [
  {
    ...{ key: 'energyKwh', title: 'energy, kWh', number: digits(1, 1) },
    about: 'what all nodes drew; those that are off draw nothing',
  },
  {
    ...{ key: 'migrations', title: 'migrations', number: countText },
    about: 'how many were begun',
  },
  {
    ...{ key: 'slatah', title: 'SLATAH, %', number: digits(100, 2) },
    about: 'of the time that nodes were on, how much of it they had less CPU than was asked for',
  },
  {
    ...{ key: 'pdm', title: 'PDM, %', number: digits(100, 3) },
    about: 'of what VMs asked for, how much they did not get because they moved',
  },
  {
    ...{ key: 'slav', title: 'SLAV, 1e-5', number: digits(1e5, 2) },
    about: 'SLATAH × PDM',
  },
  {
    ...{ key: 'esv', title: 'ESV, 1e-3', number: digits(1e3, 2) },
    about: 'energy × SLAV: the less, the better is the bargain',
  },
  {
    ...{ key: 'nodesOn', title: 'nodes on', number: digits(1, 1) },
    about: 'on the average over the day',
  },
]

/** `188.5 [186.2–190.1]`; one sample alone has no interval. */
export function estimateText({ number }: MeasureText, one: Estimate): string {
  if (one.samples < 2) return number(one.median)
  return `${number(one.median)} [${number(one.low)}–${number(one.high)}]`
}

export const textOf = (text: MeasureText, estimates: Estimates): string =>
  estimateText(text, estimates[text.key])

/** 0.0123 → `+1.2 %`. */
export const deviationText = (deviation: number): string =>
  `${deviation < 0 ? '−' : '+'}${Math.abs(deviation * 100).toFixed(1)} %`
