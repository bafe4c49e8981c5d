// The guest's console under interrupts at every moment: what it says is what it means to say. Not
// here: the UART (../devices/).

import { expect, test } from 'vitest'
import { GuestVm } from './guest-vm.ts'

test('an interrupt between any two instructions garbles no answer', () => {
  const vm = GuestVm.ready({ args: 'workload=cpu load=0' })
  for (let n = 0; n < 60; n++) {
    const id = `interrupted-${n}`
    vm.type(`${id} ping\n`)
    const said = vm.lines.length
    // Empty lines ask for nothing: each is an interrupt, at another place of the answer's making.
    for (let at = 0; vm.lines.length === said; at++) {
      vm.step(301 + ((7 * n + 13 * at) % 97))
      vm.type('\n')
    }
    expect(vm.lines.at(-1)).toMatch(new RegExp(`^${id} pong \\d+$`))
  }
})
