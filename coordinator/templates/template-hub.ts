// Files of templates on their way between a client and the node that reads or writes the store:
// parts are passed on as they come, and nothing is kept here. What both ends have not taken is
// bounded by the window of proto/templates/messages.ts; who does not keep to it, or does nothing
// for a minute, is sent away. Not here: what is decided (core/template-files.ts), WebSockets
// (shell/). Bytes, ms.

import type { Cancel, Clock } from '#env/env.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { CommandId, NodeId } from '#proto/ids.ts'
import { jsonOf } from '#proto/json.ts'
import {
  ImportRequest,
  type ImportWhole,
  TakenWord,
  type TemplateNews,
  type TemplateOrder,
  type TemplateWord,
  windowBytes,
} from '#proto/templates/messages.ts'
import { type Coordinator, isFault } from '../coordinator.ts'
import type { ApiCommand, PendingAnswer } from '../core/step-context.ts'
import { type Importer, type Verify, whyNotIn } from './signatures.ts'

export interface TemplateClient {
  readonly bufferedBytes: number
  word(word: TemplateWord): void
  part(bytes: Uint8Array): void
  close(reason: string): void
}

export interface FileSession {
  /** What the client says. */
  hear(bytes: Uint8Array): void
  /** It has gone: nobody wants what is under way any more. */
  detach(): void
}

interface Stream {
  readonly commandId: CommandId
  readonly nodeId: NodeId
  readonly client: TemplateClient
  /** Parts that came from the client, and what the node has taken of them. */
  received: number
  taken: number
  movedAtMs: number
}

/** Each holds a window, and a node's attention. */
const streamsMax = 4
const idleMsMax = 60_000
/** Of a client that says to have taken what it has not read. */
const unreadBytesMax = 8 * windowBytes
const tickMs = 1000

export class TemplateHub {
  readonly #coordinator: Coordinator
  readonly #clock: Clock
  readonly #verify: Verify
  readonly #streams = new Map<CommandId, Stream>()
  #nextTick: Cancel | undefined

  constructor(coordinator: Coordinator, clock: Clock, verify: Verify) {
    this.#coordinator = coordinator
    this.#clock = clock
    this.#verify = verify
    coordinator.observe({
      answered: (commandId, { fault: why }) => this.#ended(commandId, why),
    })
  }

  stop(): void {
    this.#nextTick?.()
    for (const { client } of this.#streams.values()) client.close('the coordinator shuts down')
    this.#streams.clear()
  }

  /** The client is given the file of a template. */
  attachExport(name: string, by: string | undefined, client: TemplateClient): FileSession {
    const { version } = this.#coordinator
    const stream = this.#begin({ do: 'export-template', name, version }, by, client)
    return {
      hear: (bytes) => {
        const word = TakenWord.safeParse(jsonOf(new TextDecoder().decode(bytes)))
        if (!stream || !word.success) return
        stream.movedAtMs = this.#clock.nowMs()
        const { commandId } = stream
        this.#send(stream, { t: 'template-taken', commandId, bytes: word.data.taken })
      },
      detach: () => this.#give(stream, goneFault),
    }
  }

  /** The client brings a file: first an ImportRequest, and all that follows are parts. */
  attachImport(importer: Importer, client: TemplateClient): FileSession {
    let stream: Stream | undefined
    let isOver = false
    return {
      hear: (bytes) => {
        if (stream) this.#pass(stream, bytes)
        else if (!isOver) stream = this.#admit(importer, client, bytes)
        isOver ||= stream === undefined
      },
      detach: () => this.#give(stream, goneFault),
    }
  }

  /** What a node says of a file. */
  hear(nodeId: NodeId, news: Exclude<TemplateNews, ImportWhole>): void {
    const stream = this.#streams.get(news.commandId)
    if (stream?.nodeId !== nodeId) return
    const { client } = stream
    stream.movedAtMs = this.#clock.nowMs()
    if (news.t === 'template-part') this.#hand(stream, news.bytes)
    else if (news.t === 'export-begins') client.word({ is: 'begins', size: news.size })
    else if (news.t === 'import-wants') client.word({ is: 'wants', chunks: base64(news.chunks) })
    else {
      stream.taken = Math.max(stream.taken, Math.min(news.bytes, stream.received))
      client.word({ is: 'taken', bytes: stream.taken })
    }
  }

  #hand(stream: Stream, bytes: Uint8Array): void {
    stream.client.part(bytes)
    if (stream.client.bufferedBytes > unreadBytesMax) this.#give(stream, tooSlow)
  }

  #admit(importer: Importer, client: TemplateClient, bytes: Uint8Array): Stream | undefined {
    const read = ImportRequest.safeParse(jsonOf(new TextDecoder().decode(bytes)))
    if (!read.success) return refused(client, noRequest)
    const { name, id, manifestBytes, signature } = read.data
    const keys = [...this.#coordinator.state.templateKeys.values()].map(({ key }) => key)
    const why = whyNotIn(read.data, importer, keys, this.#verify)
    if (why) return refused(client, why)
    const { by, owner } = importer
    const wish = { name, id, manifestBytes, key: signature?.key, owner }
    return this.#begin({ do: 'import-template', ...wish }, by, client)
  }

  #begin(command: ApiCommand, by: string | undefined, client: TemplateClient): Stream | undefined {
    if (this.#streams.size >= streamsMax) return refused(client, tooMany)
    const answer = this.#coordinator.ask(command, by)
    if (isFault(answer)) return refused(client, answer.fault)
    const { commandId } = answer.value as PendingAnswer
    const nodeId = this.#coordinator.state.commands.get(commandId)?.nodeId
    if (nodeId === undefined) return refused(client, tooMany)
    const movedAtMs = this.#clock.nowMs()
    const stream: Stream = { commandId, nodeId, client, received: 0, taken: 0, movedAtMs }
    this.#streams.set(commandId, stream)
    if (!this.#nextTick) this.#tick()
    return stream
  }

  #pass(stream: Stream, bytes: Uint8Array): void {
    const { commandId } = stream
    if (!this.#streams.has(commandId)) return
    stream.received += bytes.length
    stream.movedAtMs = this.#clock.nowMs()
    if (stream.received - stream.taken > windowBytes) this.#give(stream, tooFast)
    else this.#send(stream, { t: 'template-part', commandId, bytes: new Uint8Array(bytes) })
  }

  /** The node is told; its answer ends the command. The client hears at once. */
  #give(stream: Stream | undefined, why: Fault): void {
    if (!stream || !this.#streams.delete(stream.commandId)) return
    this.#send(stream, { t: 'stop-template', commandId: stream.commandId, fault: why })
    refused(stream.client, why)
  }

  #ended(commandId: CommandId, why: Fault | undefined): void {
    const stream = this.#streams.get(commandId)
    if (!stream) return
    this.#streams.delete(commandId)
    if (why) refused(stream.client, why)
    else {
      stream.client.word({ is: 'done' })
      stream.client.close('done')
    }
  }

  #send({ nodeId }: Stream, order: TemplateOrder): void {
    const linkId = this.#coordinator.state.nodes.get(nodeId)?.live.linkId
    if (linkId !== undefined) this.#coordinator.sendTo(linkId, order)
  }

  /** Only while something is under way. */
  #tick(): void {
    this.#nextTick = undefined
    for (const stream of [...this.#streams.values()])
      if (this.#clock.nowMs() - stream.movedAtMs > idleMsMax) this.#give(stream, idle)
    if (this.#streams.size === 0) return
    this.#nextTick = this.#clock.wakeAt(this.#clock.nowMs() + tickMs, () => this.#tick())
  }
}

function refused(client: TemplateClient, why: Fault): undefined {
  client.word({ is: 'failed', fault: why })
  client.close(why.code)
}

const base64 = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))

const goneFault = fault('cancelled', 'whoever moved the file has gone: nothing of it is kept')
const noRequest = fault('bad-request', 'a file begins with what it is: see proto/templates/')
const tooMany = fault(
  'too-many-requests',
  `${streamsMax} files of templates are on their way already: wait until one has ended`,
)
const tooFast = fault(
  'message-too-large',
  'more came than the node had said to have taken: send less at once',
)
const tooSlow = fault(
  'message-too-large',
  'it was said to be taken before it was read: say so afterwards',
)
const idle = fault('timed-out', 'nothing came or went for a minute: begin again')
