// Our guest while it boots, and somebody is at its keyboard and pointer already. Not here: what is
// typed when it is ready (desktop.test.ts).

import { expect, test } from 'vitest'
import { GuestVm } from './guest-vm.ts'

const screen = { width: 320, height: 200 }
const [key, letterQ] = [1, 16]

test('whatever is typed and pointed at while it boots, it comes to be ready', () => {
  const vm = new GuestVm({ args: 'workload=desktop', screen })
  // Its drivers' beginning is in there, and far fewer events than wait for one that is late.
  for (let at = 0; at < 1500; at++) {
    vm.step(97)
    vm.act([at % 2, key, letterQ, 1])
  }
  expect(vm.untilLine('godwit-guest', 200)).toMatch(/ ready$/)
})
