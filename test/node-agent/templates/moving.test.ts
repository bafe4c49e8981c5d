// A template's file out of one store and into another: what arrives is what left, what is there
// already is not sent again, and whatever is cut, altered or given up leaves nothing behind.

import { describe, expect, test } from 'vitest'
import { SeededRandom } from '#env/memory.ts'
import { PartSender } from '#node-agent/templates/part-stream.ts'
import { fault } from '#proto/faults.ts'
import { asCommandId } from '#proto/ids.ts'
import { decodeHead, headBytes } from '#proto/templates/file.ts'
import { chunkCount, decodeManifest } from '#proto/templates/manifest.ts'
import { windowBytes } from '#proto/templates/messages.ts'
import { type Content, Site } from './site.ts'

/** More pages than a chunk has, some of the same content; a disk of three layers. */
const shop: Content = {
  pages: Array.from({ length: 200 }, (_, page) => (page % 9 === 0 ? 0 : (page % 130) + 1)),
  layers: [
    [
      [0, 1],
      [3, 2],
      [200, 3],
    ],
    [[3, 4]],
    [
      [4, 5],
      [0, 0],
    ],
  ],
}

async function fileOf(content = shop): Promise<Uint8Array> {
  const site = new Site()
  site.keep('shop', content)
  const file = await site.export('shop')
  if ('t' in file) throw new Error(file.fault?.message)
  return file
}

describe('a template that moves', () => {
  test('is there as it was: memory, state, and its disk as one layer', async () => {
    const from = new Site()
    from.keep('shop', shop)
    const to = new Site(2)
    const { result } = await to.import(await fileOf(), 'shop-2')
    expect(result.fault).toBeUndefined()
    expect(to.content('shop-2')).toEqual(from.content('shop'))
    expect(result.snapshot?.record).toMatchObject({
      ...{ vmId: 'template-shop-2', name: 'template', takenWallMs: 5 },
      disk: { layers: ['template-shop-2.7.disk'] },
      identity: { randomSeed: '0'.repeat(64) },
    })
    expect(to.files.filter((name) => /^(temp|using)\./.test(name))).toEqual([])
  })

  test('has the same file, and so the same id, whenever it is exported, from wherever', async () => {
    const file = await fileOf()
    expect(await fileOf()).toEqual(file)
    const to = new Site(2)
    await to.import(file, 'shop')
    expect(await to.export('shop')).toEqual(file)
  })

  test('without a disk, or without a page that is not zero, is a template too', async () => {
    for (const content of [
      { pages: [1], layers: [] },
      { pages: [0], layers: [[]] },
    ]) {
      const to = new Site(2)
      const { result } = await to.import(await fileOf(content), 'small')
      expect(result.fault).toBeUndefined()
    }
  })

  test('is not sent again what the store has', async () => {
    const file = await fileOf()
    const to = new Site(2)
    const first = await to.import(file, 'one')
    const again = await to.import(file, 'two', {
      disks: [first.whole?.diskDigest ?? ''],
      disk: { sizeBytes: 1 << 20, layers: ['template-one.7.disk'] },
    })
    expect(again.result.fault).toBeUndefined()
    expect(again.whole?.isDiskKnown).toBe(true)
    expect(Array.from(again.wanted ?? [], Number)).toEqual([0])
    expect(to.content('two')).toEqual(to.content('one'))
    const { pages } = shop
    const other = await fileOf({
      layers: [],
      pages: [...pages.slice(0, 64), 199, ...pages.slice(65)],
    })
    const third = await to.import(other, 'three')
    expect(third.result.fault).toBeUndefined()
    expect(Array.from(third.wanted ?? [], Number)).toEqual([0b01])
  })

  test('never has more on its way than the window, however slow who takes it is', async () => {
    const random = new SeededRandom(3)
    const parts: Uint8Array[] = []
    const sender = new PartSender((bytes) => parts.push(bytes))
    const all = random.bytes(3 * windowBytes + 5)
    let isSent = false
    const sent = sender.send(all).then(() => {
      isSent = true
    })
    const onWay = () => parts.reduce((sum, { length }) => sum + length, 0)
    for (let taken = 0; !isSent; taken += 300_000) {
      await new Promise((resolve) => setImmediate(resolve))
      expect(onWay() - Math.min(taken, onWay())).toBeLessThanOrEqual(windowBytes)
      sender.taken(taken)
    }
    await sent
    expect(Buffer.concat(parts).equals(all)).toBe(true)
  })
})

/** Nothing came of it, and nothing of it is there. */
async function expectRefused(to: Site, trial: ReturnType<Site['import']>, code: string) {
  const { result } = await trial
  expect(result.fault?.code).toBe(code)
  expect(to.files).toEqual([])
  expect(to.streams.underWay).toBe(0)
}

describe('a file that is not what it claims', () => {
  test('is refused at any flipped bit, and leaves nothing', async () => {
    const file = await fileOf()
    const head = decodeHead(file.subarray(0, headBytes))
    if ('code' in head) throw new Error('no head')
    const random = new SeededRandom(7)
    for (let round = 0; round < 60; round++) {
      const at = headBytes + random.below(file.length - headBytes)
      const altered = file.slice()
      altered[at] = (altered[at] ?? 0) ^ (1 << random.below(8))
      const to = new Site(2)
      const manifest = file.slice(headBytes, headBytes + head.manifestBytes)
      const id = Buffer.from(await crypto.subtle.digest('SHA-256', manifest)).toString('hex')
      await expectRefused(to, to.import(altered, 'shop', { id, ...ends(to) }), 'bad-template')
    }
  })

  test('is refused when its manifest makes no sense, though it has the id', async () => {
    const file = await fileOf()
    const random = new SeededRandom(8)
    let refused = 0
    for (let round = 0; round < 60; round++) {
      const head = decodeHead(file.subarray(0, headBytes))
      if ('code' in head) throw new Error('no head')
      const altered = file.slice()
      for (let flips = 0; flips < 3; flips++) {
        const at = headBytes + random.below(Math.min(600, head.manifestBytes))
        altered[at] = random.below(256)
      }
      const to = new Site(2)
      const { result } = await to.import(altered, 'shop', ends(to))
      // Some bytes may be any: those of its name, of when it was made, of its guest's state.
      if (!result.fault) continue
      refused++
      expect(result.fault.code).toBe('bad-template')
      expect(to.files).toEqual([])
    }
    expect(refused).toBeGreaterThan(20)
  })

  test('is refused when it is cut, goes on, or claims lengths that cannot be', async () => {
    const file = await fileOf()
    const begun =
      (...head: number[]) =>
      (content: Uint8Array) =>
        Buffer.concat([Uint8Array.from(head), content.slice(head.length)])
    const cases: readonly ((content: Uint8Array) => Uint8Array)[] = [
      (content) => Buffer.concat([content, Uint8Array.of(1)]),
      begun(255, 255, 255, 255),
      begun(0, 0, 0, 0),
      begun(16, 0, 0, 0, 9),
    ]
    const head = decodeHead(file.subarray(0, headBytes))
    if ('code' in head) throw new Error('no head')
    const content = file.subarray(headBytes + head.manifestBytes)
    for (const alter of cases) {
      const to = new Site(2)
      await expectRefused(
        to,
        to.import(file, 'x', { content: () => alter(content) }),
        'bad-template',
      )
    }
  })

  test('whose parts come faster than they are taken is ended', async () => {
    const to = new Site(2)
    const flood = () => new Uint8Array(windowBytes + 400_000)
    const { result } = await to.import(await fileOf(), 'x', { content: flood })
    expect(['message-too-large', 'bad-template']).toContain(result.fault?.code)
    expect(to.files).toEqual([])
  })
})

/** What is asked for never comes whole: the client says so, as one whose file is cut does. */
function ends(to: Site) {
  const commandId = asCommandId('i1')
  const gone = fault('bad-template', 'the file is cut')
  return { afterwards: () => stopLater(to, commandId, gone) }
}

function stopLater(
  to: Site,
  commandId: ReturnType<typeof asCommandId>,
  why: ReturnType<typeof fault>,
) {
  setTimeout(() => to.streams.hear({ t: 'stop-template', commandId, fault: why }), 30)
}

describe('an import that is given up', () => {
  test('midway, at its end, or with the link, leaves nothing', async () => {
    const file = await fileOf()
    const stop = (to: Site) => () =>
      to.streams.hear({
        ...{ t: 'stop-template', commandId: asCommandId('i1') },
        fault: fault('cancelled', 'gone'),
      })
    const half = () => file.slice(headBytes + 9000, headBytes + 9001)
    const midway = new Site(2)
    await expectRefused(
      midway,
      midway.import(file, 'shop', { content: half, afterwards: stop(midway) }),
      'cancelled',
    )
    const atEnd = new Site(2)
    await expectRefused(atEnd, atEnd.import(file, 'shop', { atEnd: stop(atEnd) }), 'cancelled')
    const linkLost = new Site(2)
    const lose = () => linkLost.streams.stopAll()
    await expectRefused(linkLost, linkLost.import(file, 'shop', { atEnd: lose }), 'link-lost')
  })

  test('keeps what other templates have', async () => {
    const file = await fileOf()
    const to = new Site(2)
    await to.import(file, 'one')
    const before = to.files
    const lose = () => to.streams.stopAll()
    const { result } = await to.import(file, 'two', { atEnd: lose })
    expect(result.fault?.code).toBe('link-lost')
    expect(to.files).toEqual(before)
  })
})

test('a template that is not there, or lacks a page, is not exported', async () => {
  const site = new Site()
  expect(await site.export('none')).toMatchObject({ fault: { code: 'unknown-snapshot' } })
  site.keep('shop', shop)
  for (const name of site.disk.list()) if (name.startsWith('pack.')) site.disk.remove(name)
  expect(await site.export('shop')).toMatchObject({ fault: { code: 'bad-snapshot' } })
  expect(site.files.filter((name) => name.startsWith('using'))).toEqual([])
})

test('the manifest names what the file has, chunk by chunk', async () => {
  const file = await fileOf()
  const head = decodeHead(file.subarray(0, headBytes))
  if ('code' in head) throw new Error('no head')
  const manifest = decodeManifest(file.slice(headBytes, headBytes + head.manifestBytes))
  if ('code' in manifest) throw new Error(manifest.message)
  // Two chunks of pages; blocks 0 to 63 and 192 to 255 of the disk.
  expect(chunkCount(manifest)).toBe(2 + 2)
})
