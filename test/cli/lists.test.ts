// godwit nodes, vms, migrations, events, top: the same cluster in every form.
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { Interrupts } from '#cli/cli.ts'
import { folded } from '#cli/folded.ts'
import {
  busyCluster,
  clusterView,
  eventView,
  nodeView,
  vmView,
} from '../coordinator-double/views.ts'
import { coordinatorWith, godwit, RememberingTerminal } from './rehearsal.ts'

/** Folds as a terminal of 80 columns does. */
class FoldingTerminal extends RememberingTerminal {
  override readonly columns = 80
  override write = (text: string) => void this.written.push(folded(text, this.columns))
}

const silentNode = () =>
  clusterView({
    nodes: [nodeView('n1', { phase: 'unreachable', vmCount: 1 }), nodeView('n2', { vmCount: 1 })],
    vms: [
      vmView('shop', { args: 'workload=kv', memoryMib: 32 }, { isUnknown: true }),
      vmView('crunch', { args: 'workload=cpu' }, { nodeId: 'n2' }),
    ],
  })

const eventually = { timeout: 45_000, interval: 10 }

describe('a list as a table', () => {
  test('is aligned, numbers to the right, nothing cut', async () => {
    const { out, code } = await godwit('nodes', { double: await coordinatorWith(busyCluster()) })
    expect(code).toBe(0)
    expect(out).toMatchInlineSnapshot(`
      "NODE  PHASE    VMS           CPU            MEMORY   LEASE
      n1    online     5  187 of 200 %  224 of 1,024 MiB   2.3 s
      n2    online     6   61 of 200 %  352 of 1,024 MiB   2.5 s
      n3    suspect    4   12 of 200 %   64 of 1,024 MiB  740 ms
      n4    fenced     0             -    0 of 1,024 MiB    0 ms"
    `)
  })

  test('shows where each VM is, and long names whole', async () => {
    const { out } = await godwit('vms', { double: await coordinatorWith(busyCluster()) })
    expect(out).toContain(
      'scratch-writes-a-lot  running     n1    30 %     64 MiB  210 pages/s  dirty',
    )
    expect(out).toContain(
      'archive               stopped     -        -     32 MiB            -  kv',
    )
  })

  test('is wider when asked, with the faults', async () => {
    const double = await coordinatorWith(busyCluster())
    const { out } = await godwit('vms -o wide', { double })
    expect(out).toContain('No node has 2048 MiB free; add a node or stop a VM.')
    expect((await godwit('migrations -o wide', { double })).out).toContain('9f3ac01be5d87724')
  })

  test('keeps one line a row in the wide form, however narrow the terminal', async () => {
    const terminal = new FoldingTerminal(true)
    const double = await coordinatorWith(busyCluster())
    await godwit('vms -o wide', { double, terminal })
    const [head, ...rows] = terminal.written.join('\n').split('\n')
    expect(rows).toHaveLength(double.view.vms.length)
    expect(head?.length).toBeGreaterThan(2 * terminal.columns)
    expect(head).toMatch(/ARGS +FAULT$/)
  })

  test('does not say that a VM runs whose node is silent', async () => {
    const double = await coordinatorWith(silentNode())
    const { out } = await godwit('vms', { double })
    expect(out).toMatch(/^shop +unknown, was running +n1 +- +32 MiB +- +kv$/m)
    expect(out).toMatch(/^crunch +running +n2 +30 %/m)
    const { out: json } = await godwit('vms -o json', { double })
    expect(JSON.parse(json)[0]).toMatchObject({ phase: 'running', isUnknown: true })
    const { out: top } = await godwit('top', { double })
    expect(top).toContain('1 of 2 VMs running, 1 unknown')
    expect(top).toMatch(/^n1 +unreachable +1 +- /m)
  })

  test('of nodes says which of several coordinators leads, beside the table', async () => {
    const led = { ...busyCluster(), leader: { name: 'c2', term: 7 } }
    const double = await coordinatorWith(led)
    const { out, notes } = await godwit('nodes', { double })
    expect(notes).toBe('Coordinator c2 leads (term 7).')
    expect(out).not.toContain('c2')
    expect((await godwit('nodes -o json', { double })).notes).toBe('')
    expect((await godwit('top', { double })).out).toMatch(/ {3}led by c2$/m)
    const alone = await coordinatorWith(busyCluster())
    expect((await godwit('nodes', { double: alone })).notes).toBe('')
  })

  test('says what to do when it is empty', async () => {
    const { out } = await godwit('vms', { double: await coordinatorWith(clusterView()) })
    expect(out).toBe('No VMs. Start one: godwit run my-vm')
  })
})

describe('a list for programs', () => {
  test("is the API's own rows, in JSON and in YAML", async () => {
    const double = await coordinatorWith(busyCluster())
    const { out } = await godwit('vms -o json', { double })
    expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify(double.view.vms)))
    expect(parse((await godwit('nodes -o yaml', { double })).out)).toEqual(double.view.nodes)
  })
})

describe('a watched list', () => {
  async function watched(line: string, interactive: boolean) {
    const double = await coordinatorWith(clusterView({ nodes: [nodeView('n1')] }))
    const interrupts = new Interrupts()
    const terminal = new RememberingTerminal(interactive)
    const run = godwit(line, { double, terminal, interrupts })
    const said = () => [...terminal.written, ...terminal.drawn].join('\n')
    await expect.poll(said, eventually).toContain('n1')
    double.change({ nodes: [nodeView('n1'), nodeView('n2')] })
    await expect.poll(said, eventually).toContain('n2')
    expect(interrupts.interrupt()).toBe(true)
    return run
  }

  test('is one JSON document a line, and ends by Ctrl-C with 130', async () => {
    const { code, out } = await watched('nodes --watch -o json', false)
    expect(code).toBe(130)
    expect(out.split('\n').map((line) => JSON.parse(line).length)).toEqual([1, 2])
  })

  test('is a stream of YAML documents', async () => {
    const { out } = await watched('nodes -w -o yaml', false)
    expect(parseAllDocuments(out)).toHaveLength(2)
  })

  test('is drawn in place on a terminal', async () => {
    const { out, terminal } = await watched('nodes --watch', true)
    expect(out).toBe('')
    expect(terminal.drawn.at(-1)).toMatch(/^NODE .*\nn1 .*\nn2 /)
  })
})

describe('the story of the cluster', () => {
  test('is a table of events, with the kind of each in the wide one', async () => {
    const double = await coordinatorWith(busyCluster())
    const { out } = await godwit('events', { double })
    expect(out).toMatch(/\d{4}-\d\d-\d\d 09:14:12.960 {2}Node n4 is fenced: its lease is over\./)
    const { out: wide } = await godwit('events -o wide', { double })
    expect(wide).toMatch(/node-fenced +Node n4 is fenced: its lease is over\./)
  })

  test('followed, tells each event once', async () => {
    const double = await coordinatorWith(
      clusterView({ events: [eventView(1, 'rebalance', 'One.')] }),
    )
    const interrupts = new Interrupts()
    const terminal = new RememberingTerminal()
    const run = godwit('events --watch', { double, terminal, interrupts })
    await expect.poll(() => terminal.written.length, eventually).toBe(1)
    await expect.poll(() => double.watching, eventually).toBe(1)
    double.change({
      events: [eventView(1, 'rebalance', 'One.'), eventView(2, 'rebalance', 'Two.')],
    })
    double.change({
      events: [eventView(2, 'rebalance', 'Two.'), eventView(3, 'rebalance', 'Ten.')],
    })
    await expect.poll(() => terminal.written.length, eventually).toBe(3)
    interrupts.interrupt()
    expect((await run).code).toBe(130)
    expect(terminal.written.map((line) => line.slice(-4))).toEqual(['One.', 'Two.', 'Ten.'])
  })
})

test('top shows sums, bars, the busiest VMs first, and what moves', async () => {
  const { out } = await godwit('top', { double: await coordinatorWith(busyCluster()) })
  expect(out).toContain('2 of 4 nodes online   9 of 14 VMs running   1 moving   CPU 260 %')
  expect(out).toContain('n1    online     5  ███████████████░ 94 %')
  expect(out).toContain('ledger n1 → n2  copying  round 2')
})
