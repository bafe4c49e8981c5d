// A person at a screen, for tests: draws the frames that come, types and points, over the real
// stream of a coordinator (coordinator/screen/screen-stream.ts) to agents that a test holds by
// their links. Not here: who owns the VM (the test says so).

import { inflateRawSync } from 'node:zlib'
import { type ScreenClient, ScreenStream } from '#coordinator/screen/screen-stream.ts'
import { asEpoch, asNodeId, asVmId } from '#proto/ids.ts'
import { encodeInput, encodeShown, readScreenSize } from '#proto/screen.ts'
import { applyChange, readBody, readFrame } from '#proto/screen-frame.ts'
import { devices, encodeEvents, type InputEvent, keyEvents } from '#proto/screen-input.ts'
import type { CoordinatorDouble } from './coordinator-double.ts'

const links = ['a', 'b']
const letters = '..1234567890-=..qwertyuiop[]..asdfghjkl'

export class Person {
  readonly stream: ScreenStream
  readonly #coordinator: CoordinatorDouble
  readonly #size: { readonly width: number; readonly height: number }
  #watchers = 0
  #heardUpTo = 0

  constructor(coordinator: CoordinatorDouble, vmId: string, size: string) {
    this.#coordinator = coordinator
    this.#size = readScreenSize(size) ?? { width: 0, height: 0 }
    this.stream = new ScreenStream(asVmId(vmId), this.#size, {
      nowMs: () => performance.now(),
      send: ({ linkId }, message) => coordinator.node(links[linkId] ?? '').channel.send(message),
      nextWatcher: () => ++this.#watchers,
    })
  }

  /** The VM runs there. */
  owner(node: string, epoch: number): void {
    const owner = { nodeId: asNodeId(node), linkId: links.indexOf(node) }
    this.stream.setOwner({ ...owner, epoch: asEpoch(epoch), bootEpoch: asEpoch(1) })
  }

  /** A client that draws whatever comes, and says so unless it is told to be slow. */
  watch(isQuick = () => true): Picture {
    const picture = new Picture(this.#size, (frame) => {
      if (isQuick()) this.stream.hear(picture.watcher, encodeShown(frame))
    })
    picture.watcher = this.stream.attach(picture)
    return picture
  }

  act(...events: InputEvent[]): void {
    this.stream.hear(1, encodeInput(encodeEvents(events)))
  }

  type(text: string): void {
    for (const letter of text) {
      const code = letter === ' ' ? 57 : letters.indexOf(letter)
      const { keyboard } = devices
      this.act(...keyEvents(keyboard, code, 1), ...keyEvents(keyboard, code, 0))
    }
  }

  /** Hands on what the agents have said since; to be called again and again. */
  hear(): void {
    const { heard } = this.#coordinator
    for (; this.#heardUpTo < heard.length; this.#heardUpTo++) {
      const message = heard[this.#heardUpTo]
      if (message?.t === 'screen-frame') this.stream.hearFrame(message)
      if (message?.t === 'screen-accepted') this.stream.hearAccepted(message)
    }
    this.stream.tick()
  }
}

export class Picture implements ScreenClient {
  readonly bufferedBytes = 0
  watcher = 0
  frames = 0
  bytes = 0
  /** Pages of the frames that came. */
  pages = 0
  closed = ''
  readonly headers: number[] = []
  readonly rgba: Uint8Array
  readonly #onShown: (frame: number) => void

  constructor(
    size: { readonly width: number; readonly height: number },
    onShown: (frame: number) => void,
  ) {
    this.rgba = new Uint8Array(size.width * size.height * 4)
    this.#onShown = onShown
  }

  header({ epoch }: { readonly epoch: number }): void {
    this.headers.push(epoch)
  }

  frame(bytes: Uint8Array): void {
    const read = readFrame(bytes)
    const change = read && readBody(inflateRawSync(read.packed), read)
    if (!read || !change) throw new Error('a frame that is none')
    applyChange(this.rgba, change)
    this.frames += 1
    this.bytes += bytes.length
    this.pages += read.pages
    this.#onShown(read.frame)
  }

  close(reason: string): void {
    this.closed = reason
  }
}
