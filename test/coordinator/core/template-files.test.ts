// Files of templates as the coordinator decides them: when a name is taken and free again, what
// becomes of one whose node is lost, and that no layer is swept while one is on its way.

import { expect, test } from 'vitest'
import type { ApiCommand } from '#coordinator/core/step-context.ts'
import { asCommandId, asVmId, templateLettersMax } from '#proto/ids.ts'
import { CoordinatorMessage } from '#proto/messages.ts'
import type { ImportWhole } from '#proto/templates/messages.ts'
import { VmSpec } from '#proto/vm-spec.ts'
import { Story } from './story.ts'

const id = 'ab'.repeat(32)
const wish = { do: 'import-template', name: 'shop', id, manifestBytes: 10, key: undefined } as const
const code = (story: Story) =>
  story.answer && 'fault' in story.answer ? story.answer.fault.code : 'accepted'
const phase = (story: Story, name = 'shop') => story.state.templates.get(name)?.phase
const command = (story: Story) => [...story.state.commands.keys()].at(-1) ?? asCommandId('none')
const sentTo = (story: Story) => story.sent.map(({ t }) => t)

/** Its file is asked for, under a name. */
function asked(): Story {
  const story = new Story()
  story.speaks = 2
  story.join('n1', 'n2')
  story.ask(wish)
  return story
}

function whole(story: Story, more: Partial<ImportWhole> = {}): ImportWhole {
  return {
    ...{ t: 'import-whole', commandId: command(story), isDiskKnown: false },
    label: { name: 'store', about: 'a shop', madeBy: 'ann', cluster: 'there', version: '1' },
    record: {
      ...{ vmId: asVmId('template-shop'), name: 'template', id: 'cd'.repeat(16), depth: 0 },
      ...{ takenWallMs: 5, spec: VmSpec.parse({ diskMib: 1 }) },
      identity: {
        instanceId: '00112233-4455-4677-8899-aabbccddeeff',
        ...{ mac: '02:00:00:00:00:01', randomSeed: '0'.repeat(64) },
      },
      disk: { sizeBytes: 1 << 20, layers: ['template-shop.1.disk'] },
    },
    diskDigest: 'ef'.repeat(32),
    ...more,
  }
}

const kept = (story: Story) => {
  const { record } = whole(story)
  return { snapshot: { record, measured: { downtimeMs: 0, totalMs: 0, pages: 1, storedBytes: 1 } } }
}

test('a name is taken from the first byte on, and the template is there when its node has kept it', () => {
  const story = asked()
  expect([code(story), phase(story)]).toEqual(['accepted', undefined])
  const first = command(story)
  story.ask(wish)
  expect(code(story)).toBe('name-taken')
  story.hear('n1', whole(story))
  expect([phase(story), sentTo(story).at(-1)]).toEqual(['making', 'commit-import'])
  story.ask({ do: 'drop-template', name: 'shop' })
  expect(code(story)).toBe('wrong-state')
  story.result('n1', first, undefined, kept(story))
  const entry = story.state.templates.get('shop')
  expect(entry).toMatchObject({ phase: 'ready', about: 'a shop', origin: { id, madeBy: 'ann' } })
})

test('one that fails before its end leaves its name free', () => {
  const story = asked()
  story.result('n1', command(story), 'bad-template')
  expect(phase(story)).toBeUndefined()
  story.ask(wish)
  expect(code(story)).toBe('accepted')
})

test('one that is given up between its end and the word of its node is nowhere', () => {
  const story = asked()
  const arriving = command(story)
  story.hear('n1', whole(story))
  story.result('n1', arriving, 'cancelled')
  expect(phase(story)).toBeUndefined()
})

test('one whose node is lost midway is nowhere; at its end it can be asked for again', () => {
  const midway = asked()
  midway.lose('n1')
  expect(phase(midway)).toBeUndefined()
  const story = asked()
  story.hear('n1', whole(story))
  story.lose('n1')
  expect(phase(story)).toBe('failed')
  story.ask(wish)
  expect(code(story)).toBe('accepted')
})

test('another node cannot say that it is whole, and nobody says so twice', () => {
  const story = asked()
  story.hear('n2', whole(story))
  expect(phase(story)).toBeUndefined()
  story.hear('n1', whole(story))
  const sent = sentTo(story).length
  story.hear('n1', whole(story))
  expect(sentTo(story).length).toBe(sent)
})

test('no layer is swept while a file is on its way', () => {
  const story = asked()
  story.state.sweepAtMs = 0
  story.passWith(5000, { n1: [], n2: [] })
  expect(sentTo(story)).not.toContain('sweep-layers')
  story.result('n1', command(story), 'cancelled')
  story.state.sweepAtMs = 0
  story.passWith(5000, { n1: [], n2: [] })
  expect(sentTo(story)).toContain('sweep-layers')
})

test('a disk that another template has is shared, unless that one goes meanwhile', () => {
  const story = asked()
  story.hear('n1', whole(story))
  story.result('n1', command(story), undefined, kept(story))
  const again = { ...wish, name: 'shop-2' }
  story.ask(again)
  expect(story.sent.at(-1)).toMatchObject({ disks: ['ef'.repeat(32)] })
  story.hear('n1', whole(story, { isDiskKnown: true }))
  const { layers } = story.state.templates.get('shop-2')?.record.disk ?? { layers: [] }
  expect(layers).toEqual(['template-shop.1.disk'])
  story.result('n1', command(story), 'cancelled')
  story.ask(again)
  story.state.templates.delete('shop')
  story.hear('n1', whole(story, { isDiskKnown: true }))
  expect(story.sent.at(-1)).toMatchObject({ t: 'stop-template', fault: { code: 'wrong-state' } })
  expect(phase(story, 'shop-2')).toBeUndefined()
})

test('keys are kept under names, and forgotten', () => {
  const story = new Story()
  const key = `gwk_${'0'.repeat(64)}`
  story.ask({ do: 'trust-key', name: 'ann', key })
  story.restart()
  expect(story.state.templateKeys.get('ann')).toMatchObject({ key })
  story.ask({ do: 'distrust-key', name: 'ann' })
  expect(story.state.templateKeys.size).toBe(0)
  story.ask({ do: 'distrust-key', name: 'ann' })
  expect(code(story)).toBe('bad-request')
})

// Whoever deployed it would wait for VMs that can never start.
test('one that was never made is no template after it could not be removed', () => {
  const story = asked()
  const { record } = whole(story)
  story.state.snapshots.set('a/s', {
    ...{ id: 'a/s', vmId: asVmId('a'), name: 's', phase: 'ready', record },
  })
  const keep = { do: 'keep-template', name: 'base', about: '', vmId: asVmId('a'), snapshot: 's' }
  story.ask(keep as ApiCommand)
  story.ask({ do: 'drop-template', name: 'base' })
  expect([code(story), phase(story, 'base')]).toEqual(['wrong-state', 'making'])
  story.result('n1', command(story), 'disk-failed')
  story.ask({ do: 'drop-template', name: 'base' })
  expect(phase(story, 'base')).toBe('removing')
  story.lose('n1')
  expect(phase(story, 'base')).toBe('failed')
})

test('one that comes for an account that goes meanwhile is not for who gets its name next', () => {
  const story = new Story()
  story.speaks = 2
  story.join('n1')
  story.ask({ ...wish, owner: 'ann' })
  story.ask({ do: 'disown', owner: 'ann' })
  story.hear('n1', whole(story))
  expect(story.state.templates.get('shop')).toMatchObject({ phase: 'making', owner: 'machine' })
})

test('a name that is too long for the store is refused, and no order goes out that no node reads', () => {
  const story = asked()
  const orders = story.sent.length
  const name = 'a'.repeat(templateLettersMax + 1)
  story.ask({ ...wish, name })
  expect(code(story)).toBe('bad-template')
  const from = { vmId: asVmId('shop'), snapshot: 'snapshot-1' }
  story.ask({ do: 'keep-template', name, about: '', ...from })
  expect(code(story)).toBe('bad-template')
  expect(story.sent.length).toBe(orders)
  story.ask({ ...wish, name: 'a'.repeat(templateLettersMax) })
  expect(story.sent.every((each) => CoordinatorMessage.safeParse(each).success)).toBe(true)
  expect(sentTo(story).at(-1)).toBe('import-template')
})
