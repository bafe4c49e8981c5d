// Claims: a screen that is watched 30 times a second costs a busy guest at most 3 % of its speed;
// and what a person's typing and painting changes travels in at most a twentieth of its pixels'
// bytes. Speed: one guest rewrites memory as fast as it can; in one window of time its screen is
// watched as an agent does (dirty log taken, damage, pages read, packed), in the other not, in an
// order by chance; instructions per CPU time of this thread, of which the agent's own work is taken
// away, since in a node it is another thread's. Bytes: frames of a desktop that is typed and
// painted at, packed, over the pages they bring, and over the whole screen 30 times a second.
// Times in ms, bytes. Run: node bench/screen.ts [--runs N]

import { performance } from 'node:perf_hooks'
import { deflateRawSync } from 'node:zlib'
import { screenPages } from '#engine/screen.ts'
import { readPages } from '#node-agent/screen-pages.ts'
import { ScreenWatch } from '#node-agent/screen-watch.ts'
import { encodeBody, encodeFrame } from '#proto/screen-frame.ts'
import { GuestVm } from '../test/engine/guests/guest-vm.ts'
import { count, readCommandLine } from './rig/command-line.ts'
import { median, spreadPercent } from './rig/sample.ts'
import { Table, times, verdict } from './rig/table.ts'

const size = { width: 800, height: 600 }
const pages = screenPages(size)
const lookMs = 33
const looksAWindow = 6
const windowPairs = 12
const speedRequired = 0.97
const bytesRequired = 20
const sliceInstructions = 500_000

const cpuMsNow = () => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** One who watches, and shows every frame at once. */
class Watching {
  readonly #vm: GuestVm
  readonly #watch = new ScreenWatch(pages)
  #log = 0
  bytes = 0
  pageBytes = 0
  looks = 0
  agentMs = 0

  constructor(vm: GuestVm) {
    this.#vm = vm
    this.#watch.open(1)
  }

  begin(): void {
    this.#log = this.#vm.machine.openLog()
  }

  end(): void {
    this.#vm.machine.closeLog(this.#log)
  }

  look(): void {
    const bitmap = this.#vm.machine.takeLog(this.#log)
    const sinceMs = cpuMsNow()
    const first = this.#vm.memory.pageCount - pages
    this.#watch.damage(bitmap, first)
    for (const due of this.#watch.due()) {
      const { change, taken } = readPages(this.#vm.memory, first, due.pages)
      const frame = this.#watch.sent(1, taken) ?? 0
      const body = encodeBody(change)
      const packed = deflateRawSync(body, { level: 1 })
      const header = { frame, ...size, pages: taken.length }
      this.bytes += encodeFrame(header, body.length, packed).length
      this.pageBytes += taken.length * 4096
      this.#watch.shown(1, frame)
    }
    this.looks += 1
    this.agentMs += cpuMsNow() - sinceMs
  }
}

/** The first frames bring the whole screen, which is not what is measured. */
function showAll(watching: Watching): void {
  watching.begin()
  for (let n = 0; n < 4; n++) watching.look()
  watching.end()
}

/** Speed while watched over speed while not, of one guest. */
function speedRatio(): number {
  const args = 'workload=dirty wss=8 rate=0'
  const vm = GuestVm.ready({ args, screen: size, ramMib: 32 })
  const done = [0, 1].map(() => ({ instructions: 0, ms: 0 }))
  const watching = new Watching(vm)
  showAll(watching)
  const runWindow = (isWatched: boolean, into: { instructions: number; ms: number }) => {
    watching.agentMs = 0
    const [before, sinceMs] = [vm.machine.retired, cpuMsNow()]
    if (isWatched) watching.begin()
    for (let n = 0; n < looksAWindow; n++) {
      for (const untilMs = performance.now() + lookMs; performance.now() < untilMs; )
        vm.machine.run(sliceInstructions)
      vm.machine.takeOutput()
      if (isWatched) watching.look()
    }
    if (isWatched) watching.end()
    into.instructions += vm.machine.retired - before
    into.ms += cpuMsNow() - sinceMs - watching.agentMs
  }
  for (let n = 0; n < windowPairs; n++) {
    const first = Math.random() < 0.5
    for (const isWatched of [first, !first])
      runWindow(isWatched, done[isWatched ? 1 : 0] ?? { instructions: 0, ms: 0 })
  }
  const [off, on] = done.map(({ instructions, ms }) => instructions / ms)
  return (on ?? 0) / (off ?? 1)
}

/** Ten keys a second, and a line painted meanwhile: half a minute of the guest's time. */
function typedBytes(): { readonly ofPages: number; readonly ofScreens: number } {
  const vm = GuestVm.ready({ args: 'workload=desktop', screen: size, ramMib: 32 })
  const watching = new Watching(vm)
  showAll(watching)
  watching.begin()
  Object.assign(watching, { bytes: 0, pageBytes: 0, looks: 0 })
  vm.act([1, 3, 0, 21_000], [1, 3, 1, 24_000], [1, 1, 0x110, 1], [1, 0, 0, 0])
  for (let look = 0; look < 900; look++) {
    if (look % 3 === 0) {
      const key = 16 + (look % 10)
      vm.act([0, 1, key, 1], [0, 0, 0, 0], [0, 1, key, 0], [0, 0, 0, 0])
    }
    vm.act([1, 3, 0, 21_000 + 9 * look], [1, 3, 1, 24_000 + ((look * 97) % 4000)], [1, 0, 0, 0])
    vm.runMs(lookMs)
    watching.look()
  }
  const { bytes, pageBytes, looks } = watching
  return { ofPages: pageBytes / bytes, ofScreens: (looks * pages * 4096) / bytes }
}

function main(): void {
  const values = readCommandLine({ runs: count(5) })
  const ratios = Array.from({ length: values.runs }, speedRatio)
  const table = new Table([
    ['what', 44],
    ['ratio', 8],
    ['required', 8],
    ['verdict', 9],
    ['spread %', 8],
  ])
  const tell = (what: string, ratio: number, required: number | undefined, spread = '') => {
    const said = verdict(ratio, required)
    if (said === 'MISSED') process.exitCode = 1
    const asked = required === undefined ? '' : times(required)
    table.row([what, times(ratio), asked, said, spread])
  }
  const spread = spreadPercent(ratios).toFixed(0)
  tell('speed watched / not watched', median(ratios), speedRequired, spread)
  const { ofPages, ofScreens } = typedBytes()
  tell('bytes of changed pages / bytes of frames', ofPages, bytesRequired)
  tell('bytes of whole screens / bytes of frames', ofScreens, undefined)
}

main()
