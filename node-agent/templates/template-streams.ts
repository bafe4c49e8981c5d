// The files of templates that leave this cluster's store or come into it by this node: one stream
// for each order of the coordinator. When the link is lost all of them end, and leave nothing.
// Not here: what is read and written (exporting.ts, importing.ts), who may (coordinator/).

import type { Log } from '#env/env.ts'
import { type Fault, fault, faultOf } from '#proto/faults.ts'
import type { CommandId } from '#proto/ids.ts'
import type { AgentMessage, Result } from '#proto/messages.ts'
import type { SnapshotTaken } from '#proto/snapshots.ts'
import type {
  CommitImport,
  ExportTemplate,
  ImportTemplate,
  TemplateOrder,
} from '#proto/templates/messages.ts'
import { exportTemplate, type TemplatePorts } from './exporting.ts'
import { importTemplate } from './importing.ts'
import { PartReader, PartSender } from './part-stream.ts'

export interface StreamsPorts extends TemplatePorts {
  readonly log: Log
  /** Lost when the link is down. */
  send(message: AgentMessage): void
  /** Kept until the coordinator has it. */
  tell(result: Result): void
}

interface Stream {
  readonly sender?: PartSender
  readonly reader?: PartReader
  commit?: (order: CommitImport) => void
  stop(why: Fault): void
}

export class TemplateStreams {
  readonly #ports: StreamsPorts
  readonly #streams = new Map<CommandId, Stream>()

  constructor(ports: StreamsPorts) {
    this.#ports = ports
  }

  /** What is under way now: for whoever looks whether something was left behind. */
  get underWay(): number {
    return this.#streams.size
  }

  hear(order: TemplateOrder): void {
    const stream = this.#streams.get(order.commandId)
    if (order.t === 'export-template') this.#export(order)
    else if (order.t === 'import-template') this.#import(order)
    else if (order.t === 'template-part') stream?.reader?.push(order.bytes)
    else if (order.t === 'template-taken') stream?.sender?.taken(order.bytes)
    else if (order.t === 'commit-import') stream?.commit?.(order)
    else stream?.stop(order.fault)
  }

  /** Nobody listens any more. */
  stopAll(why = lost): void {
    for (const stream of this.#streams.values()) stream.stop(why)
  }

  #export(order: ExportTemplate): void {
    const { commandId } = order
    if (this.#streams.has(commandId)) return
    const { send } = this.#ports
    const sender = new PartSender((bytes) => send({ t: 'template-part', commandId, bytes }))
    this.#streams.set(commandId, { sender, stop: (why) => sender.stop(why) })
    const work = exportTemplate(order, this.#ports, sender, (size) =>
      send({ t: 'export-begins', commandId, size }),
    )
    this.#answer(
      commandId,
      work.then(() => undefined),
    )
  }

  #import(order: ImportTemplate): void {
    const { commandId } = order
    if (this.#streams.has(commandId)) return
    const { send } = this.#ports
    const reader = new PartReader((bytes) => send({ t: 'template-taken', commandId, bytes }))
    const stream: Stream = { reader, stop: (why) => reader.stop(why) }
    this.#streams.set(commandId, stream)
    const work = importTemplate(order, this.#ports, reader, {
      wants: (chunks) => send({ t: 'import-wants', commandId, chunks }),
      whole: (news) => {
        const ordered = new Promise<CommitImport>((resolve) => {
          stream.commit = resolve
        })
        send({ t: 'import-whole', commandId, ...news })
        return Promise.race([ordered, reader.stopped()])
      },
    })
    this.#answer(commandId, work.then(takenOf))
  }

  /** The one answer, whatever became of it. */
  #answer(commandId: CommandId, work: Promise<SnapshotTaken | undefined>): void {
    const end = (news: Omit<Result, 't' | 'commandId'>) => {
      this.#streams.delete(commandId)
      this.#ports.tell({ t: 'result', commandId, ...news })
    }
    work.then(
      (snapshot) => end(snapshot ? { snapshot } : {}),
      (thrown) => {
        const why = faultOf(thrown)
        if (why.code === 'internal') this.#ports.log.warn('a template was not moved', { ...why })
        end({ fault: why })
      },
    )
  }
}

const takenOf = ({
  record,
  storedBytes,
  pages,
}: Awaited<ReturnType<typeof importTemplate>>): SnapshotTaken => ({
  record,
  measured: { downtimeMs: 0, totalMs: 0, pages, storedBytes },
})

const lost = fault('link-lost', 'the link to the coordinator was lost: ask again')
