// The learning switch: its rules one by one, and its laws in whole clusters of random traffic.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  broadcastMac,
  destinationOf,
  ethertypes,
  newFrame,
  sourceOf,
} from '#node-agent/network/ethernet.ts'
import { ageMsMax, entriesMax, MacTable } from '#node-agent/network/mac-table.ts'
import {
  floodsMax,
  floodsPerSecMax,
  LearningSwitch,
  type SwitchPort,
} from '#node-agent/network/switch.ts'

const macOf = (nth: number) => 0x0200_0000_0000 + nth
const vmPort = (nth: number): SwitchPort => ({ kind: 'vm', name: `vm-${nth}`, mac: macOf(nth) })
const trunkPort = (name: string): SwitchPort => ({ kind: 'trunk', name })
const frame = (from: number, to: number) => newFrame(to, from, ethertypes.ipv4, 46)

function node(...ports: SwitchPort[]) {
  const lan = new LearningSwitch<SwitchPort>()
  for (const port of ports) lan.add(port)
  return lan
}

/** Names of the ports a frame goes to, or why it goes nowhere. */
const to = (verdict: ReturnType<LearningSwitch<SwitchPort>['forward']>) =>
  typeof verdict === 'string' ? verdict : verdict.map(({ name }) => name).sort()

describe('where a frame goes', () => {
  const [a, b, c] = [vmPort(1), vmPort(2), vmPort(3)]
  const [north, south] = [trunkPort('north'), trunkPort('south')]

  test('to the VM here that has the address, and to nobody else', () => {
    const lan = node(a, b, c, north)
    expect(to(lan.forward(a, frame(macOf(1), macOf(2)), 0))).toEqual(['vm-2'])
    expect(to(lan.forward(north, frame(macOf(9), macOf(3)), 0))).toEqual(['vm-3'])
  })

  test('to all others when it is for all, or for nobody known', () => {
    const lan = node(a, b, north, south)
    const everyone = ['north', 'south', 'vm-2']
    expect(to(lan.forward(a, frame(macOf(1), broadcastMac), 0))).toEqual(everyone)
    expect(to(lan.forward(a, frame(macOf(1), macOf(7)), 0))).toEqual(everyone)
  })

  test('from a trunk never to a trunk', () => {
    const lan = node(a, b, north, south)
    expect(to(lan.forward(north, frame(macOf(9), broadcastMac), 0))).toEqual(['vm-1', 'vm-2'])
    expect(to(lan.forward(north, frame(macOf(9), macOf(7)), 0))).toEqual([])
  })

  test('never back to where it came from, not even to its own sender', () => {
    const lan = node(a, b)
    expect(to(lan.forward(a, frame(macOf(1), macOf(1)), 0))).toEqual([])
  })

  test('to the trunk on which the address was heard last', () => {
    const lan = node(a, north, south)
    lan.forward(north, frame(macOf(9), broadcastMac), 0)
    expect(to(lan.forward(a, frame(macOf(1), macOf(9)), 1))).toEqual(['north'])
    lan.forward(south, frame(macOf(9), broadcastMac), 2)
    expect(to(lan.forward(a, frame(macOf(1), macOf(9)), 3))).toEqual(['south'])
  })
})

describe('segments', () => {
  const inside = (nth: number, segment: string): SwitchPort => ({ ...vmPort(nth), segment })
  const [a, b, other, plain] = [inside(1, '~ann'), inside(2, '~ann'), inside(3, '~bob'), vmPort(4)]
  const north = trunkPort('north')
  const old: SwitchPort = { ...trunkPort('old'), isPlain: true }

  test('what is for all is for all of the segment, here and on nodes that know of it', () => {
    const lan = node(a, b, other, plain, north, old)
    expect(to(lan.forward(a, frame(macOf(1), broadcastMac), 0))).toEqual(['north', 'vm-2'])
    expect(to(lan.forward(plain, frame(macOf(4), broadcastMac), 0))).toEqual(['north', 'old'])
  })

  test('a VM of another one cannot be named either', () => {
    const lan = node(a, other, north)
    expect(to(lan.forward(a, frame(macOf(1), macOf(3)), 0))).toBe('foreign')
    expect(to(lan.forward(north, frame(macOf(9), macOf(3)), 0, '~ann'))).toBe('foreign')
    expect(to(lan.forward(north, frame(macOf(9), macOf(3)), 0, '~bob'))).toEqual(['vm-3'])
    expect(to(lan.forward(north, frame(macOf(9), macOf(3)), 0))).toBe('foreign')
  })

  test('an address that was heard in one is not known in another', () => {
    const lan = node(a, other, north, trunkPort('south'))
    lan.forward(north, frame(macOf(9), broadcastMac), 0, '~ann')
    expect(to(lan.forward(a, frame(macOf(1), macOf(9)), 1))).toEqual(['north'])
    expect(to(lan.forward(other, frame(macOf(3), macOf(9)), 1))).toEqual(['north', 'south'])
  })

  test('of which no VM is here cost no memory, whatever another node claims', () => {
    const lan = node(a, north)
    for (let n = 0; n < 100; n++)
      lan.forward(north, frame(macOf(100 + n), broadcastMac), 0, `made-up-${n}`)
    expect(lan.learned).toBe(0)
    lan.forward(north, frame(macOf(9), broadcastMac), 0, '~ann')
    expect(lan.learned).toBe(1)
    lan.remove(a)
    expect(lan.learned).toBe(0)
  })
})

describe('what a switch forgets', () => {
  const [a, b] = [vmPort(1), vmPort(2)]
  const north = trunkPort('north')

  test('an address that has been silent for five minutes', () => {
    const lan = node(a, b, north)
    lan.forward(north, frame(macOf(9), broadcastMac), 0)
    expect(to(lan.forward(a, frame(macOf(1), macOf(9)), ageMsMax - 1))).toEqual(['north'])
    expect(to(lan.forward(a, frame(macOf(1), macOf(9)), ageMsMax))).toEqual(['north', 'vm-2'])
  })

  test('a trunk that is lost, with all that was heard on it', () => {
    const lan = node(a, b, north)
    lan.forward(north, frame(macOf(9), broadcastMac), 0)
    lan.remove(north)
    expect(lan.learned).toBe(0)
    expect(to(lan.forward(a, frame(macOf(1), macOf(9)), 1))).toEqual(['vm-2'])
    expect(to(lan.forward(north, frame(macOf(9), macOf(1)), 1))).toBe('no-port')
  })

  test('a VM that leaves: at once, and it is found where it is heard next', () => {
    const lan = node(a, b, north)
    lan.remove(b)
    expect(to(lan.forward(a, frame(macOf(1), macOf(2)), 0))).toEqual(['north'])
    lan.forward(north, frame(macOf(2), broadcastMac), 1)
    expect(to(lan.forward(a, frame(macOf(1), macOf(2)), 2))).toEqual(['north'])
    lan.add(b)
    expect(to(lan.forward(a, frame(macOf(1), macOf(2)), 3))).toEqual(['vm-2'])
  })

  test('the address heard longest ago, when there are too many', () => {
    const table = new MacTable<string>()
    for (let n = 0; n <= entriesMax; n++) table.learn(n, 'north', n)
    expect(table.size).toBe(entriesMax)
    expect(table.find(0, entriesMax)).toBeUndefined()
    expect(table.find(1, entriesMax)).toBe('north')
  })
})

describe('what a switch does not believe', () => {
  const [a, b] = [vmPort(1), vmPort(2)]
  const north = trunkPort('north')

  test('a VM that sends with an address which is not its own', () => {
    const lan = node(a, b, north)
    expect(to(lan.forward(a, frame(macOf(2), broadcastMac), 0))).toBe('spoofed')
    expect(to(lan.forward(a, frame(macOf(9), broadcastMac), 0))).toBe('spoofed')
  })

  test('another node that sends with the address of a VM that is here', () => {
    const lan = node(a, b, north)
    expect(to(lan.forward(north, frame(macOf(2), broadcastMac), 0))).toBe('spoofed')
    expect(to(lan.forward(a, frame(macOf(1), macOf(2)), 0))).toEqual(['vm-2'])
  })

  test('frames from everybody or from nobody, and those that are none', () => {
    const lan = node(a, north)
    expect(to(lan.forward(north, frame(broadcastMac, macOf(1)), 0))).toBe('malformed')
    expect(to(lan.forward(north, frame(0, macOf(1)), 0))).toBe('malformed')
    expect(to(lan.forward(a, new Uint8Array(13), 0))).toBe('malformed')
  })

  test('that a VM has so much to say to all; to one it may say what it likes', () => {
    const lan = node(a, b, north)
    const say = (nowMs: number) => to(lan.forward(a, frame(macOf(1), broadcastMac), nowMs))
    for (let n = 0; n < floodsMax; n++) expect(say(0)).not.toBe('storm')
    expect(say(0)).toBe('storm')
    expect(to(lan.forward(a, frame(macOf(1), macOf(2)), 0))).toEqual(['vm-2'])
    expect(to(lan.forward(b, frame(macOf(2), broadcastMac), 0))).not.toBe('storm')
    // Ten a millisecond, for a second: what was saved up in the pause, and what a second brings.
    const said = Array.from({ length: 10_000 }, (_, n) => say(10_000 + n / 10))
    const passed = said.filter((verdict) => verdict !== 'storm').length
    expect(Math.abs(passed - (floodsMax + floodsPerSecMax))).toBeLessThanOrEqual(2)
  })
})

// ---- whole clusters -----------------------------------------------------------------------------

/** Nodes whose switches are joined by trunks, each to each; frames travel at once. */
class Mesh {
  readonly switches: LearningSwitch<SwitchPort>[]
  readonly trunks: SwitchPort[][]
  readonly vms = new Map<number, { node: number; port: SwitchPort }>()
  nowMs = 0

  constructor(nodes: number) {
    this.switches = Array.from({ length: nodes }, () => new LearningSwitch<SwitchPort>())
    this.trunks = this.switches.map((lan, from) =>
      this.switches.map((_, other) => {
        const port = trunkPort(`${from}-${other}`)
        if (other !== from) lan.add(port)
        return port
      }),
    )
  }

  put(vm: number, node: number, segment?: string): void {
    const old = this.vms.get(vm)
    if (old) this.switches[old.node]?.remove(old.port)
    const port = { ...vmPort(vm), ...(segment !== undefined && { segment }) }
    this.vms.set(vm, { node, port })
    this.switches[node]?.add(port)
    this.send(vm, broadcastMac)
  }

  /** Sends a frame, and returns who got it, once for each time. */
  send(vm: number, to: number): number[] {
    const from = this.vms.get(vm)
    if (!from) return []
    const got: number[] = []
    const tag = from.port.segment
    const way = [{ node: from.node, port: from.port, bytes: frame(macOf(vm), to) }]
    for (let hops = 0; way.length > 0; hops++) {
      if (hops > 1000) throw new Error('a frame goes round in circles')
      const { node, port, bytes } = way.pop() as (typeof way)[number]
      this.nowMs += 10
      const verdict = this.switches[node]?.forward(port, bytes, this.nowMs, tag) ?? []
      if (typeof verdict === 'string') continue
      for (const out of verdict) {
        if (out.mac !== undefined) got.push(out.mac - macOf(0))
        else {
          const other = this.trunks[node]?.indexOf(out) as number
          way.push({ node: other, port: this.trunks[other]?.[node] as SwitchPort, bytes })
        }
      }
    }
    return got.sort((x, y) => x - y)
  }
}

const vmCount = 6
const act = fc.record({
  moves: fc.boolean(),
  vm: fc.nat(vmCount - 1),
  to: fc.nat(vmCount - 1),
  node: fc.nat(3),
  forAll: fc.boolean(),
})

test('in every cluster a frame for all gets to each other VM once, one for a VM to it alone', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (acts, nodes) => {
      const mesh = new Mesh(nodes)
      for (let vm = 0; vm < vmCount; vm++) mesh.put(vm, vm % nodes)
      for (const { moves, vm, to: other, node: at, forAll } of acts) {
        if (moves) mesh.put(vm, at % nodes)
        const others = [...mesh.vms.keys()].filter((name) => name !== vm)
        if (forAll) expect(mesh.send(vm, broadcastMac)).toEqual(others)
        else expect(mesh.send(vm, macOf(other))).toEqual(other === vm ? [] : [other])
      }
    }),
  )
})

/** VM n is in the segment n mod 3 to begin with; when it moves, it may change it. */
const segmentNames = [undefined, '~ann', '~bob']

test('in every cluster no frame of one segment ever gets to a VM of another', () => {
  const acts = fc.array(fc.record({ act, joins: fc.nat(2) }), { maxLength: 60 })
  fc.assert(
    fc.property(acts, fc.integer({ min: 1, max: 4 }), (all, nodes) => {
      const mesh = new Mesh(nodes)
      const segmentOf = new Map<number, string | undefined>()
      const put = (vm: number, node: number, segment: string | undefined) => {
        segmentOf.set(vm, segment)
        mesh.put(vm, node, segment)
      }
      for (let vm = 0; vm < vmCount; vm++) put(vm, vm % nodes, segmentNames[vm % 3])
      for (const { act: one, joins } of all) {
        const { moves, vm, to: other, node: at, forAll } = one
        if (moves) put(vm, at % nodes, segmentNames[joins])
        const others = [...mesh.vms.keys()].filter(
          (name) => name !== vm && segmentOf.get(name) === segmentOf.get(vm),
        )
        const got = mesh.send(vm, forAll ? broadcastMac : macOf(other))
        if (forAll) expect(got).toEqual(others)
        else if (others.includes(other)) expect(got).toContain(other)
        for (const name of got) expect(others).toContain(name)
      }
    }),
  )
})

test('addresses are read as they were written', () => {
  const mac = fc.nat({ max: 2 ** 48 - 1 })
  fc.assert(
    fc.property(mac, mac, (from, target) => {
      const bytes = newFrame(target, from, ethertypes.arp, 28)
      expect([sourceOf(bytes), destinationOf(bytes)]).toEqual([from, target])
    }),
  )
})
