// The desktop on our machine: what is typed and painted, whole and in order, however often the VM
// moves; and the screen as the only witness of it.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GuestVm } from './guest-vm.ts'

const screen = { width: 320, height: 240 }
const args = 'workload=desktop'
const [key, absolute, buttonLeft, shift] = [1, 3, 0x110, 42]
const sync = [0, 0, 0, 0] as const
const letters = 'qwertyuiop[]\n\0asdfghjkl'

const ready = () => GuestVm.ready({ args, screen, ramMib: 8 })
const codeOf = (letter: string) => (letter === ' ' ? 57 : 16 + letters.indexOf(letter))

function typeOne(vm: GuestVm, letter: string): void {
  const low = letter.toLowerCase()
  const isUpper = low !== letter
  if (isUpper) vm.act([0, key, shift, 1], sync)
  vm.act([0, key, codeOf(low), 1], sync, [0, key, codeOf(low), 0], sync)
  if (isUpper) vm.act([0, key, shift, 0], sync)
}

function pointTo(vm: GuestVm, x: number, y: number): void {
  const onAxis = (at: number, pixels: number) => Math.ceil((at * 32767) / (pixels - 1))
  vm.act([1, absolute, 0, onAxis(x, screen.width)], [1, absolute, 1, onAxis(y, screen.height)])
  vm.act([1, 0, 0, 0])
}

const press = (vm: GuestVm, down: 0 | 1) => vm.act([1, key, buttonLeft, down], [1, 0, 0, 0])

/** All of the editor's text, as the guest tells it. */
function textOf(vm: GuestVm): string {
  let text = ''
  for (;;) {
    const [, bytes = '0', , , piece = ''] = vm.ask(`text ${text.length}`).split(' ')
    text += decodeURIComponent(piece)
    if (text.length >= Number(bytes)) return text
  }
}

describe('workload=desktop', () => {
  test('needs a screen, and says so', () => {
    const vm = new GuestVm({ args })
    expect(vm.untilEnd()).toMatchObject({ reason: 'crashed' })
    expect(vm.lines.at(-1)).toMatch(/^fatal no screen/)
  })

  test('draws itself, and leaves no pixel of the screen black', () => {
    const vm = ready()
    vm.runMs(200)
    const pixels = new Uint32Array(vm.screen().buffer, 0, screen.width * screen.height)
    expect(pixels.includes(0)).toBe(false)
    expect(new Set(pixels).size).toBeGreaterThan(50)
  })

  test('keys become text: shift, erasing, moving, lines', () => {
    const vm = ready()
    for (const letter of 'Hello\nwwld') typeOne(vm, letter)
    for (const code of [105, 105, 14, 24, 19, 102, 111, 17, 107]) vm.act([0, key, code, 1], sync)
    expect(textOf(vm)).toBe('Hello\nworld')
    expect(vm.stats()).toMatchObject({ keys: 20, text: 11, bad: 0 })
  })

  test('the pointer goes where it is sent, and paints with its button', () => {
    const vm = ready()
    pointTo(vm, 230, 180)
    expect(vm.ask('pointer')).toBe('pointer 230 180 0 0')
    const before = vm.screen()
    press(vm, 1)
    for (let x = 230; x < 260; x++) pointTo(vm, x, 190)
    press(vm, 0)
    expect(vm.ask('pointer')).toBe('pointer 259 190 0 1')
    const blueAt = (x: number, y: number) => vm.screen()[4 * (y * screen.width + x)]
    expect(blueAt(245, 189)).toBe(0xc2)
    expect(before[4 * (189 * screen.width + 245)]).not.toBe(0xc2)
  })

  test('law: what is typed arrives once and in order, however often the VM moves', () => {
    const typed = fc.array(fc.constantFrom(...'abd fghjkl qwe rTyU io\n'.replace('b', 'p')), {
      minLength: 1,
      maxLength: 40,
    })
    const moves = fc.uniqueArray(fc.nat(39), { maxLength: 3 })
    fc.assert(
      fc.property(typed, moves, (text, at) => {
        let vm = ready()
        for (const [n, letter] of text.entries()) {
          typeOne(vm, letter)
          if (at.includes(n)) vm = vm.moved()
        }
        expect(textOf(vm)).toBe(text.join(''))
        expect(vm.stats()).toMatchObject({ bad: 0 })
      }),
      { numRuns: 15 },
    )
  })

  test('it sees a pixel that a move has spoilt, and says which', () => {
    const vm = ready()
    vm.runMs(500)
    const gpa = 0x8000_0000 + (8 << 20) - screen.width * 4 * 40
    vm.flipBit(gpa)
    const said = vm.untilLine('desktop BAD', 15_000)
    expect(said).toContain(`gpa=0x00${gpa.toString(16)}`)
    expect(vm.stats()).toMatchObject({ bad: 1 })
  })

  test('two that were given the same show the same, bit for bit', () => {
    const [one, other] = [ready(), ready()]
    for (const vm of [one, other]) {
      for (const letter of 'same') typeOne(vm, letter)
      vm.runMs(300)
    }
    expect(Buffer.compare(one.screen(), other.screen())).toBe(0)
  })
})
