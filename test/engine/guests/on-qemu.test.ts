// Our guest on a machine that is not ours: QEMU's `virt`, with its firmware and its devices. What
// holds there and on our machine alike is the guest's own. Skipped where QEMU is not installed.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'

const qemu = 'qemu-system-riscv64'
const image = fileURLToPath(new URL('../../../engine/guests/godwit-guest.bin', import.meta.url))
const isHere = spawnSync(qemu, ['--version']).status === 0
const deadlineMs = 30_000

const machine = ['-M', 'virt', '-m', '32', '-bios', 'default', '-kernel', image]
const plain = ['-nographic', '-monitor', 'none', '-serial', 'stdio']
const modern = ['-global', 'virtio-mmio.force-legacy=false']

class QemuGuest {
  readonly process: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(args: string, disk?: string) {
    const drive = ['-drive', `file=${disk},if=none,id=d,format=raw`]
    const block = disk ? [...drive, '-device', 'virtio-blk-device,drive=d'] : []
    this.process = spawn(qemu, [...machine, ...plain, ...modern, '-append', args, ...block])
    const reader: Interface = createInterface({ input: this.process.stdout as never })
    this.#lines = reader[Symbol.asyncIterator]()
  }

  send(line: string): void {
    this.process.stdin?.write(`${line}\n`)
  }

  /** The next line that begins so; the firmware's and others are passed over. */
  async line(start: string): Promise<string> {
    for (;;) {
      const next = await this.#lines.next()
      if (next.done) throw new Error(`QEMU ended before it said "${start}"`)
      if (next.value.startsWith(start)) return next.value
    }
  }

  async ask(request: string): Promise<string> {
    this.send(request)
    return this.line(`${request.split(' ')[0]} `)
  }
}

describe.skipIf(!isHere)(`on QEMU${isHere ? '' : ' (skipped: there is no QEMU here)'}`, () => {
  const running: QemuGuest[] = []
  const folders: string[] = []
  const boot = (args: string, disk?: string) => {
    const guest = new QemuGuest(args, disk)
    running.push(guest)
    return guest
  }
  const blankDisk = () => {
    const folder = mkdtempSync(join(tmpdir(), 'godwit-qemu-'))
    folders.push(folder)
    writeFileSync(join(folder, 'disk.img'), '')
    truncateSync(join(folder, 'disk.img'), 256 * 1024)
    return join(folder, 'disk.img')
  }
  afterEach(() => {
    for (const guest of running.splice(0)) guest.process.kill('SIGKILL')
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
  })

  test('it says who it is, answers, and powers off', { timeout: deadlineMs }, async () => {
    const guest = boot('workload=cpu load=0')
    expect(await guest.line('godwit-guest')).toBe(
      'godwit-guest 1 workload=cpu ram=32MiB instance=none ready',
    )
    expect(await guest.ask('1 id')).toBe('1 id none none 0 0000000000000000')
    expect(await guest.ask('2 ping')).toMatch(/^2 pong \d+$/)
    const exit = once(guest.process, 'exit')
    expect(await guest.ask('3 poweroff')).toBe('3 ok')
    expect((await exit)[0]).toBe(0)
  })

  test('acknowledged writes survive its sudden end', { timeout: deadlineMs }, async () => {
    const disk = blankDisk()
    const first = boot('workload=kv', disk)
    await first.line('godwit-guest')
    expect(await first.ask('1 put colour green')).toBe('1 ok 1')
    expect(await first.ask('2 put colour blue')).toBe('2 ok 2')
    first.process.kill('SIGKILL')
    await once(first.process, 'exit')
    const second = boot('workload=kv', disk)
    await second.line('godwit-guest')
    expect(await second.ask('1 get colour')).toBe('1 value blue')
    expect(await second.ask('2 count')).toBe('2 count 1 2')
  })

  test('dirty and check go their rounds', { timeout: deadlineMs }, async () => {
    const [dirty, check] = [boot('workload=dirty wss=2 rate=500'), boot('workload=check mib=2')]
    await dirty.line('dirty writes=')
    await check.line('check ok round=2 pages=512')
    expect(await dirty.ask('1 stats')).toMatch(/ bad=0$/)
    expect(await check.ask('1 stats')).toMatch(/ bad=0$/)
  })
})
