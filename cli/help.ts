// What every command's --help has in common: examples, exit codes, options that several have; and
// how option values are read. Not here: the commands themselves (commands/).

import { type Command, InvalidArgumentError, Option } from 'commander'
import type { z } from 'zod'
import { MigrationParams, stuckPolicies } from '#proto/messages.ts'
import { Duration } from '#scenarios/language/quantities.ts'
import { exitCodeSentences } from './exit-code.ts'
import { inMs } from './units.ts'

/** Adds examples to a command's help: what to type, what it does. */
export function withExamples(
  command: Command,
  examples: readonly (readonly [line: string, what: string])[],
): Command {
  const width = Math.max(...examples.map(([line]) => line.length))
  const lines = examples.map(([line, what]) => `  ${line.padEnd(width)}   ${what}`)
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}

/** `-o`, of a command that prints one thing. Lists have more forms (listing.ts). */
export const textOrJson = (about = 'how to print it'): Option =>
  new Option('-o, --output <form>', about).choices(['text', 'json']).default('text')

/** Of a node that is emptied. */
export const whenStuck = (): Option =>
  new Option('--when-stuck <what>', 'with VMs that write faster than pages are sent')
    .choices(stuckPolicies)
    .default('throttle')

/** For how long migrations may pause a VM. */
export const downtime = (about: string): Option =>
  new Option('--downtime <ms>', about).argParser(
    inMs(within(MigrationParams.shape.downtimeMsMax.unwrap())),
  )

export function exitCodesText(): string {
  const lines = Object.entries(exitCodeSentences).map(
    ([code, sentence]) => `  ${code.padStart(3)}  ${sentence}`,
  )
  return `Exit codes:\n${lines.join('\n')}`
}

/** Reads an option's value as a whole number, 0 or more. */
export function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Write a whole number.')
}

/** Reads an option's value as a whole number within bounds, both included. */
export function wholeBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text)
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`)
  }
}

/** The same, within the bounds that the API has for it. */
export const wholeWithin = ({ minValue, maxValue }: z.ZodNumber) =>
  wholeBetween(minValue ?? 0, maxValue ?? Infinity)

/** Reads an option's value as a number above 0. */
export function positiveNumber(text: string): number {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('Write a number above 0.')
}

/** Reads an option's value as a number within the bounds that the API has for it. */
export function within({ minValue: least, maxValue: most }: z.ZodNumber): (text: string) => number {
  return (text) => {
    const value = Number(text)
    const fits = text.trim() !== '' && value >= (least ?? -Infinity) && value <= (most ?? Infinity)
    if (fits) return value
    throw new InvalidArgumentError(`Write a number from ${least} to ${most}.`)
  }
}

/** Reads an option's value as a number, 0 or more. */
export function amount(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('Write a number, 0 or more.')
}

/** Reads an option's value as a duration with its unit, in ms. */
export function duration(text: string): number {
  const { data, error } = Duration.safeParse(text)
  if (data !== undefined) return data
  throw new InvalidArgumentError(error?.issues[0]?.message ?? '')
}
