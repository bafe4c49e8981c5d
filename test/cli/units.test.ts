// Quantities on the command line: bare numbers in the option's unit, others as they are meant.

import { expect, test } from 'vitest'
import { amount, wholeBetween, wholeNumber } from '#cli/help.ts'
import { inMBPerSec, inMib, inMs, inPercent, inSeconds } from '#cli/units.ts'

test('a bare number is in the unit that the option names', () => {
  expect(inMib(wholeNumber)('64')).toBe(64)
  expect(inMs(wholeNumber)('2500')).toBe(2500)
})

test('a number with a unit is what it says', () => {
  expect(['64MiB', '64M', '1GiB', '1g', '1.5GB'].map(inMib(wholeNumber))).toEqual([
    ...[64, 64, 1024, 1024, 1536],
  ])
  expect(['500ms', '2.5s', '1m'].map(inMs(wholeNumber))).toEqual([500, 2500, 60_000])
  expect(['90s', '2m'].map(inSeconds(amount))).toEqual([90, 120])
  expect(inPercent(wholeNumber)('50%')).toBe(50)
  expect(['40MB/s', '100Mbit/s'].map(inMBPerSec(amount))).toEqual([40, 12.5])
})

test('bounds hold in the unit of the option', () => {
  expect(() => inMs(wholeBetween(1, 1000))('2s')).toThrow(/from 1 to 1000/)
})

test('what is no quantity of that kind is told how to be written', () => {
  expect(() => inMib(wholeNumber)('3kg')).toThrow('Write a unit as in 64MiB, 1GiB, or none.')
  expect(() => inMib(wholeNumber)('much')).toThrow(/whole number/)
})
