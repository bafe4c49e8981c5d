// A VM's screen in a real browser: what is drawn, what keys and pointer become, how a person leaves
// it by keyboard, and the page that shows it alone.

import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { shiftCode } from '#dashboard/key-codes.ts'
import { axes, buttons, devices, types } from '#proto/screen-input.ts'
import type { CoordinatorDouble } from '../coordinator-double/coordinator-double.ts'
import { busyCluster, vmView } from '../coordinator-double/views.ts'
import { violations } from './axe.ts'
import { browserPage, chromiumPath, tile } from './browser-page.ts'

const open = browserPage()

const withDesk = () => {
  const view = busyCluster()
  const desk = vmView('desk', { args: 'workload=desktop', screen: '320x240' }, { nodeId: 'n1' })
  return { ...view, vms: [...view.vms, desk] }
}
const openScreen = (options: Parameters<typeof open>[0] = {}) =>
  open({ view: withDesk(), hash: '/#/vm/desk/screen', ...options })
const canvas = (page: Page) => page.locator('.screen canvas')

const escaped = (text: string) => text.replaceAll('^', '\\^')

/** Red, green and blue of a pixel of the canvas. */
const pixel = (page: Page, x: number, y: number) =>
  page.evaluate(`(() => {
    const context = document.querySelector('.screen canvas').getContext('2d')
    return [...context.getImageData(${x}, ${y}, 1, 1).data].slice(0, 3)
  })()`)

describe.skipIf(!chromiumPath)('a screen', () => {
  test('stands in the panel of a VM that has one, and is drawn as frames come', async () => {
    const { page, double } = await open({ view: withDesk() })
    await tile(page, 'desk').click()
    await expect.poll(() => pixel(page, 10, 10)).toEqual([0x3e, 0x69, 0x90])
    const bytes = new Uint8Array(4096)
    bytes.set([1, 2, 3], 4 * 5)
    double.screen.draw({ solid: [], pages: [1], bytes })
    // Page 1 begins at pixel 1,024: line 3, column 64.
    await expect.poll(() => pixel(page, 69, 3)).toEqual([3, 2, 1])
    expect(await pixel(page, 63, 3)).toEqual([0x3e, 0x69, 0x90])
    await expect.poll(() => double.screen.shown).toEqual([1, 2])
    await tile(page, 'shop').click()
    await expect.poll(() => double.screen.watching).toBe(0)
    expect(await canvas(page).count()).toBe(0)
  })

  test('frames that are none are passed over, and the next is drawn', async () => {
    const { page, double } = await openScreen()
    await expect.poll(() => double.screen.shown).toEqual([1])
    double.screen.sendBytes(Uint8Array.of(1, 2, 3))
    double.screen.sendBytes(new Uint8Array(500).fill(7))
    double.screen.fill(0x112233)
    await expect.poll(() => pixel(page, 0, 0)).toEqual([0x11, 0x22, 0x33])
  })

  test('keys go to the guest by their place, Tab and Escape too; Ctrl+] leaves', async () => {
    const { page, double } = await openScreen()
    await canvas(page).focus()
    for (const key of ['a', 'Tab', 'Escape', 'Shift+B']) await page.keyboard.press(key)
    const keys = () =>
      double.screen.done.filter(({ type }) => type === types.key).map((e) => [e.code, e.value])
    const pressed = [30, 15, 1].flatMap((code) => [
      [code, 1],
      [code, 0],
    ])
    const big = [
      [42, 1],
      [48, 1],
      [48, 0],
      [42, 0],
    ]
    await expect.poll(keys).toEqual([...pressed, ...big])
    await page.keyboard.press('Control+]')
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Full screen')
    // Control went down at the guest; it is let go of, and ] never came.
    await expect
      .poll(() => keys().slice(pressed.length + 4))
      .toEqual([
        [29, 1],
        [29, 0],
      ])
  })

  test('the pointer is where it is on the picture, with its button', async () => {
    const { page, double } = await openScreen({ size: { width: 900, height: 700 } })
    await expect.poll(() => double.screen.shown).toEqual([1])
    const box = await canvas(page).boundingBox()
    if (!box) throw new Error('it has a place')
    const scale = Math.min(box.width / 320, box.height / 240)
    const left = box.x + (box.width - 320 * scale) / 2
    const top = box.y + (box.height - 240 * scale) / 2
    await page.mouse.move(left + 80 * scale, top + 60 * scale)
    await page.mouse.down()
    await page.mouse.up()
    const { done } = double.screen
    await expect.poll(() => done.filter(({ type }) => type === types.key).length).toBe(2)
    const last = (code: number) =>
      done.filter((e) => e.type === types.absolute && e.code === code).at(-1)?.value ?? 0
    expect(last(axes.x) / 32767).toBeCloseTo(0.25, 2)
    expect(last(axes.y) / 32767).toBeCloseTo(0.25, 2)
    expect(done.filter(({ type }) => type === types.key)).toEqual([
      { device: devices.pointer, type: types.key, code: buttons.left, value: 1 },
      { device: devices.pointer, type: types.key, code: buttons.left, value: 0 },
    ])
  })

  test('of several buttons each comes down and up, and none that came down elsewhere', async () => {
    const { page, double } = await openScreen()
    await expect.poll(() => double.screen.shown).toEqual([1])
    const { mouse } = page
    await canvas(page).hover()
    await mouse.down()
    await mouse.down({ button: 'right' })
    await mouse.up()
    await mouse.up({ button: 'right' })
    await page.locator('h1').hover()
    await mouse.down()
    await canvas(page).hover()
    await mouse.up()
    await mouse.down({ button: 'middle' })
    const changes = () =>
      double.screen.done
        .filter(({ type }) => type === types.key)
        .map(({ code, value }) => [code, value])
    const { left, right, middle } = buttons
    await expect.poll(changes).toEqual([
      [left, 1],
      [right, 1],
      [left, 0],
      [right, 0],
      [middle, 1],
    ])
  })

  test('a second finger does not move the pointer, nor lift it', async () => {
    const { page, double } = await openScreen({ touch: true })
    await expect.poll(() => double.screen.shown).toEqual([1])
    const client = await page.context().newCDPSession(page)
    const touch = (type: 'touchStart' | 'touchEnd', ...touchPoints: { x: number; y: number }[]) =>
      client.send('Input.dispatchTouchEvent', { type, touchPoints })
    const box = await canvas(page).boundingBox()
    if (!box) throw new Error('it has a place')
    const first = { x: box.x + 100, y: box.y + 100, id: 1 }
    await touch('touchStart', first)
    await touch('touchStart', first, { x: box.x + 300, y: box.y + 200, id: 2 } as never)
    await touch('touchEnd', first)
    await touch('touchEnd')
    const changes = () => double.screen.done.filter(({ type }) => type === types.key).length
    await expect.poll(changes).toBe(2)
    const places = double.screen.done.filter(({ code, type }) => type === 3 && code === axes.x)
    expect(new Set(places.map(({ value }) => value)).size).toBe(1)
  })

  test('who types on glass writes letters, and Backspace', async () => {
    const { page, double } = await openScreen({ touch: true })
    const field = page.getByLabel('Type into the screen')
    await field.evaluate('(field) => { field.style.display = "block" }')
    await field.pressSequentially('aB')
    await page.keyboard.press('Backspace')
    const downs = () =>
      double.screen.done
        .filter(({ type, value }) => type === types.key && value === 1)
        .map(({ code }) => code)
    await expect.poll(downs).toEqual([30, 42, 48, 14])
  })

  /** What the guest's keys have written: letters as on a US keyboard. */
  const written = (double: CoordinatorDouble) => () => {
    let isShifted = false
    return double.screen.done
      .filter(({ type }) => type === types.key)
      .flatMap(({ code, value }) => {
        if (code === shiftCode) isShifted = value === 1
        return code === shiftCode || value === 0 ? [] : [`${isShifted ? '^' : ''}${code}`]
      })
      .join(' ')
  }
  // aB!, and the new line.
  const asKeys = '30 ^48 ^2 28'

  test('Ctrl+Shift+V types what is in the clipboard, and says what it cannot type', async () => {
    const { page, double } = await openScreen()
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.evaluate("navigator.clipboard.writeText('aBü!\\n')")
    await canvas(page).focus()
    await page.keyboard.press('Control+Shift+V')
    await page.getByText('Typing 4 letters; 1 letter left out').waitFor()
    await expect.poll(written(double)).toMatch(new RegExp(`${escaped(asKeys)}$`))
    const held = double.screen.done.filter(({ code }) => code === 29).map(({ value }) => value)
    expect(held.slice(0, 2)).toEqual([1, 0]) // Control was let go of before the first letter.
  })

  test('a button types the clipboard; where no browser gives it, a field takes the text', async () => {
    const { page, double } = await openScreen()
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.evaluate("navigator.clipboard.writeText('aB!\\n')")
    await page.getByRole('button', { name: 'Paste' }).click()
    await expect.poll(written(double)).toBe(asKeys)
    expect(await page.evaluate('document.activeElement.tagName')).toBe('CANVAS')
    await page.context().clearPermissions()
    await page.getByRole('button', { name: 'Paste' }).click()
    const dialog = page.getByRole('dialog', { name: 'Type a text into desk' })
    expect(await violations(page)).toEqual([])
    await dialog.getByLabel('The text').fill('aB!\n')
    await dialog.getByRole('button', { name: 'Type it' }).click()
    await expect.poll(written(double)).toBe(`${asKeys} ${asKeys}`)
  })

  test('who may only look cannot paste', async () => {
    const limits = { actions: ['see' as const, 'look' as const] }
    const { page, double } = await openScreen({
      who: { name: 'olga', role: 'operator', open: false, limits },
    })
    await expect.poll(() => double.screen.shown).toEqual([1])
    expect(await page.getByRole('button', { name: 'Paste' }).count()).toBe(0)
  })

  test('follows the size of the window, and keeps pixels whole when that is wished', async () => {
    const { page, double } = await openScreen({ size: { width: 1000, height: 700 } })
    await expect.poll(() => double.screen.shown).toEqual([1])
    const width = async () => Math.round((await canvas(page).boundingBox())?.width ?? 0)
    const before = await width()
    expect(before).toBeGreaterThan(2 * 320)
    expect(before % 320).not.toBe(0)
    await page.getByRole('button', { name: 'Whole pixels' }).click()
    await expect.poll(width).toBe(2 * 320)
    const rendering = 'document.querySelector(".screen canvas").style.imageRendering'
    expect(await page.evaluate(rendering)).toBe('pixelated')
    await page.setViewportSize({ width: 1400, height: 1000 })
    await expect.poll(width).toBe(3 * 320)
    await page.getByRole('button', { name: 'Whole pixels' }).click()
    await expect.poll(width).toBeGreaterThan(3 * 320)
  })

  test('Ctrl+] leaves full screen too: what is behind it is seen again', async () => {
    const { page } = await openScreen()
    await page.getByRole('button', { name: 'Full screen' }).click()
    await expect.poll(() => page.evaluate('document.fullscreenElement !== null')).toBe(true)
    await canvas(page).focus()
    await page.keyboard.press('Control+]')
    await expect.poll(() => page.evaluate('document.fullscreenElement')).toBe(null)
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Full screen')
  })

  test('alone it says where it is, that it moves, and that it is back', async () => {
    const { page, double } = await openScreen()
    const status = page.locator('h1 [role=status]')
    await expect.poll(() => status.innerText()).toBe('live on n1')
    expect(await page.title()).toBe('desk – Godwit')
    double.changeVm('desk', { phase: 'migrating' })
    await expect.poll(() => status.innerText()).toContain('moving')
    double.screen.moved('n2')
    double.changeVm('desk', { phase: 'running', nodeId: 'n2' })
    await expect.poll(() => status.innerText()).toBe('back, on n2')
    double.changeVm('desk', { phase: 'paused' })
    await expect.poll(() => status.innerText()).toContain('paused')
    expect(await canvas(page).getAttribute('class')).toContain('still')
  })

  test('of a VM that starts is not away, and is there as soon as the VM is', async () => {
    const { page, double } = await open({ view: withDesk() })
    double.changeVm('desk', { phase: 'starting' })
    // As the coordinator does: it refuses both until the VM is there.
    let isThere = false
    let tries = 0
    await page.routeWebSocket(/v1\/vms\/desk\//, (socket) => {
      tries++
      if (isThere) socket.connectToServer()
      else void socket.close()
    })
    await tile(page, 'desk').click()
    const states = page.locator('.panel h3 [role=status]')
    await expect.poll(() => tries, { timeout: 20_000 }).toBeGreaterThanOrEqual(10)
    expect(await states.allInnerTexts()).toEqual(['starting', 'starting'])
    isThere = true
    double.changeVm('desk', { phase: 'running' })
    // Sooner than the next try would have been: that is five seconds after the last.
    await expect.poll(() => states.allInnerTexts(), { timeout: 2000 }).toEqual(['live on n1', ''])
  })

  test('alone is left by no key of the page, and none opens what is seen later', async () => {
    const { page } = await openScreen()
    for (const key of ['?', 'n', 'm', '3'])
      await page.getByRole('button', { name: 'Full screen' }).press(key)
    await page.getByRole('link', { name: 'The cluster' }).click()
    await tile(page, 'desk').waitFor()
    expect(await page.locator('dialog').count()).toBe(0)
  })

  test('a VM without one, or none at all, says so instead', async () => {
    const { page } = await open({ view: withDesk(), hash: '/#/' })
    await page.evaluate("location.hash = '#/vm/shop/screen'")
    await page.getByText('shop has no screen.').waitFor()
    await page.evaluate("location.hash = '#/vm/nobody/screen'")
    await page.getByText('There is no VM nobody now.').waitFor()
    await page.getByRole('link', { name: 'The cluster' }).click()
    await page.getByText('live', { exact: true }).waitFor()
  })

  test('fits a narrow window alone', async () => {
    const { page } = await openScreen({ size: { width: 360, height: 740 } })
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBe(740)
  })
})

describe.skipIf(!chromiumPath)('a console', () => {
  test('is a terminal: keys go as they are typed, Escape too; Ctrl+] leaves it', async () => {
    const { page, double } = await open()
    await tile(page, 'ledger').click()
    await page.getByText('godwit-guest 1 workload=kv ready').first().waitFor()
    await page.locator('.terminal-box').click()
    await page.keyboard.type('ls')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Escape')
    await expect.poll(() => double.typed).toBe('ls\r\x1b')
    expect(await page.getByRole('dialog', { name: 'ledger' }).count()).toBe(1)
    await page.keyboard.press('Control+]')
    expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('A line for the guest')
  })

  test('answers what a guest asks of a terminal once: not of a replay, nor beside the person', async () => {
    const { page, double } = await open()
    double.said = 'it asked \x1b[6n\r\n'
    await tile(page, 'ledger').click()
    await page.locator('.terminal-box').click()
    await page.getByText('it asked').first().waitFor()
    await page.keyboard.press('Control+]')
    double.say('it asks \x1b[6nnobody\r\n')
    await page.getByText('it asks nobody').first().waitFor()
    expect(double.typed).toBe('')
    await page.locator('.terminal-box').click()
    double.say('\x1b[6n')
    await expect.poll(() => double.typed).toBe('\x1b[4;1R')
  })

  test('Ctrl+C copies what is marked, and interrupts the guest when nothing is', async () => {
    const { page, double } = await open()
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await tile(page, 'ledger').click()
    await page.getByText('godwit-guest 1 workload=kv ready').first().waitFor()
    await page.locator('.terminal-box').scrollIntoViewIfNeeded()
    double.say('\x1b[2J\x1b[Hhobart\r\n')
    const word = page.locator('.xterm-rows').getByText('hobart')
    await word.dblclick({ position: { x: 12, y: 8 } })
    await page.keyboard.press('Control+C')
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe('hobart')
    expect(double.typed).toBe('')
    await page.keyboard.press('Control+C')
    await expect.poll(() => double.typed).toBe('\x03')
    await page.keyboard.press('Control+Shift+V')
    await expect.poll(() => double.typed).toBe('\x03hobart')
  })

  test('draws colours, under the policy of the page', async () => {
    const { page, double } = await open()
    await tile(page, 'ledger').click()
    await page.getByText('godwit-guest 1 workload=kv ready').first().waitFor()
    // What nobody sees is not drawn.
    await page.locator('.terminal-box').scrollIntoViewIfNeeded()
    double.say('\x1b[31mred words\x1b[0m\r\n')
    const words = page.locator('.xterm-rows').getByText('red words')
    await words.waitFor()
    const colour = 'getComputedStyle(document.querySelector(".xterm-fg-1")).color'
    await expect.poll(() => page.evaluate(colour)).toBe('rgb(204, 0, 0)')
  })
})
