// A fault travels, so that whatever is told in it must fit: a result that the coordinator refuses
// is sent again over each new link, for ever.

import { expect, test } from 'vitest'
import { Fault, FaultError, fault, faultOf } from '#proto/faults.ts'

test('says no more than may travel, however long what went wrong is told', () => {
  const long = 'x'.repeat(5000)
  const told = [fault('internal', long), faultOf(new Error(long)), faultOf(long)]
  for (const one of told) expect(Fault.safeParse(one).success).toBe(true)
  expect(new FaultError(fault('internal', long)).fault.message).toHaveLength(2000)
  expect(fault('internal', 'short').message).toBe('short')
})
