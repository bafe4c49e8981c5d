// The screen of a VM for tests of the page: says who it is, draws what a test wants, remembers what
// was done at it. Not a VM.

import { deflateRawSync } from 'node:zlib'
import type { WebSocket } from 'ws'
import { readClientWord } from '#proto/screen.ts'
import { encodeBody, encodeFrame, pagesOfScreen, type ScreenChange } from '#proto/screen-frame.ts'
import { decodeEvents, type InputEvent } from '#proto/screen-input.ts'

const nothing = new Uint8Array(0)

export class ScreenDouble {
  size = { width: 320, height: 240 }
  readonly done: InputEvent[] = []
  /** Numbers of the frames that clients have shown. */
  readonly shown: number[] = []
  readonly #sockets = new Set<WebSocket>()
  #frames = 0
  #epoch = 3

  /** How many look. */
  get watching(): number {
    return this.#sockets.size
  }

  open(socket: WebSocket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('message', (data: Buffer) => this.#hear(new Uint8Array(data)))
    this.#greet(socket, 'n1')
    this.fill(0x3e6990)
  }

  /** Another node runs it from now on. */
  moved(nodeId: string): void {
    this.#epoch += 1
    for (const socket of this.#sockets) this.#greet(socket, nodeId)
  }

  /** All of it in one colour. */
  fill(colour: number): void {
    const { width, height } = this.size
    const solid = [{ page: 0, pages: pagesOfScreen(width, height), colour }]
    this.draw({ solid, pages: [], bytes: nothing })
  }

  draw(change: ScreenChange): void {
    const body = encodeBody(change)
    this.#frames += 1
    const header = { frame: this.#frames, ...this.size, pages: 0 }
    this.sendBytes(encodeFrame(header, body.length, deflateRawSync(body)))
  }

  sendBytes(bytes: Uint8Array): void {
    for (const socket of this.#sockets) socket.send(bytes)
  }

  #greet(socket: WebSocket, nodeId: string): void {
    socket.send(JSON.stringify({ vmId: 'desk', epoch: this.#epoch, nodeId, ...this.size }))
  }

  #hear(bytes: Uint8Array): void {
    const word = readClientWord(bytes)
    if (word?.is === 'shown') this.shown.push(word.frame)
    else this.done.push(...(decodeEvents(word?.events ?? nothing) ?? []))
  }
}
