// What is said while a template's file leaves the cluster's store or comes into it: between the
// coordinator and the agent that reads or writes the store, and between the coordinator and the
// client that has the file. Not here: the file (file.ts), its manifest (manifest.ts).
//
// Bytes go in parts, and at most windowBytes are on the way that the other end has not taken:
// whoever is slow slows the other down, and nobody holds more than that of it.
//
//   export  agent → client   begins, then parts: the manifest, then every chunk
//   import  client → agent   parts: the manifest; then, of the chunks that the store lacks
//                            ('wants'), header and bytes, in the file's order
//           agent → coordinator  'import-whole': all is there and checked; it is kept by
//                            'commit-import' alone, when the cluster knows its name

import { z } from 'zod'
import { Fault } from '../faults.ts'
import { bytes, commandId, count, vmId } from '../message-parts.ts'
import { SnapshotRecord } from '../snapshots.ts'
import { DiskRef, Name } from '../vm-spec.ts'
import { keyPattern, manifestBytesMax } from './file.ts'
import { TemplateLabel } from './manifest.ts'

export const windowBytes = 1 << 20
/** Of a client; a WebSocket's frame there may hold 64 KiB. */
export const partBytesMax = 48 * 1024
/** Bits, one a chunk: more than any manifest can have. */
const wantedBytesMax = 1 << 17

const digestText = z.string().regex(/^[0-9a-f]{64}$/)
const kept = z.strictObject({ vmId, name: Name })

// ---- coordinator → agent ------------------------------------------------------------------------

export const ExportTemplate = z.strictObject({
  t: z.literal('export-template'),
  commandId,
  kept,
  label: TemplateLabel,
})
export type ExportTemplate = z.infer<typeof ExportTemplate>

export const ImportTemplate = z.strictObject({
  t: z.literal('import-template'),
  commandId,
  kept,
  /** SHA-256 of the manifest. */
  id: digestText,
  manifestBytes: z.int().min(1).max(manifestBytesMax),
  /** What the layer with its disk is to be called. */
  layer: z.string().regex(/^[a-z0-9.-]{1,120}$/),
  /** Disks that the cluster's templates have already, by their digest. */
  disks: z.array(digestText).max(10_000),
})
export type ImportTemplate = z.infer<typeof ImportTemplate>

/** All is as it should be: it is to be kept, on this disk. */
export const CommitImport = z.strictObject({
  t: z.literal('commit-import'),
  commandId,
  disk: DiskRef,
})
export type CommitImport = z.infer<typeof CommitImport>

/** Nobody wants it any more: nothing of it may stay. It is answered like any command. */
export const StopTemplate = z.strictObject({
  t: z.literal('stop-template'),
  commandId,
  fault: Fault,
})
export type StopTemplate = z.infer<typeof StopTemplate>

// ---- both ways ----------------------------------------------------------------------------------

export const TemplatePart = z.strictObject({ t: z.literal('template-part'), commandId, bytes })
export type TemplatePart = z.infer<typeof TemplatePart>
/** So many bytes of parts have been taken since the beginning. */
export const TemplateTaken = z.strictObject({
  t: z.literal('template-taken'),
  commandId,
  bytes: count,
})
export type TemplateTaken = z.infer<typeof TemplateTaken>

// ---- agent → coordinator ------------------------------------------------------------------------

/** What is about to come. */
export const FileSize = z.strictObject({
  manifestBytes: count,
  chunks: count,
  /** Unpacked. */
  contentBytes: count,
})
export type FileSize = z.infer<typeof FileSize>
export const ExportBegins = z.strictObject({
  t: z.literal('export-begins'),
  commandId,
  size: FileSize,
})
export type ExportBegins = z.infer<typeof ExportBegins>
export const ImportWants = z.strictObject({
  t: z.literal('import-wants'),
  commandId,
  /** Bit c of byte c >> 3: chunk c is not in the store. */
  chunks: z.instanceof(Uint8Array).refine(({ length }) => length <= wantedBytesMax),
})
export type ImportWants = z.infer<typeof ImportWants>
export const ImportWhole = z.strictObject({
  t: z.literal('import-whole'),
  commandId,
  label: TemplateLabel,
  record: SnapshotRecord,
  /** Of its disk, where it has one. */
  diskDigest: digestText.optional(),
  /** The disk is one that the cluster has already. */
  isDiskKnown: z.boolean(),
})
export type ImportWhole = z.infer<typeof ImportWhole>

/** What an agent says of a template's file, and what it is told. */
export const templateNews = [
  ExportBegins,
  ImportWants,
  ImportWhole,
  TemplatePart,
  TemplateTaken,
] as const
export const templateOrders = [
  ExportTemplate,
  ImportTemplate,
  CommitImport,
  StopTemplate,
  TemplatePart,
  TemplateTaken,
] as const
export type TemplateNews = z.infer<(typeof templateNews)[number]>
export type TemplateOrder = z.infer<(typeof templateOrders)[number]>
const namesOf = (kinds: readonly { shape: { t: { value: string } } }[]): ReadonlySet<string> =>
  new Set(kinds.map(({ shape }) => shape.t.value))
const newsNames = namesOf(templateNews.filter((kind) => kind !== ImportWhole))
/** What is no decision: it is passed on. */
export const isTemplateNews = (message: {
  readonly t: string
}): message is Exclude<TemplateNews, ImportWhole> => newsNames.has(message.t)
const orderNames = namesOf(templateOrders)
export const isTemplateOrder = (message: { readonly t: string }): message is TemplateOrder =>
  orderNames.has(message.t)

// ---- the client's stream ------------------------------------------------------------------------

/** The first word of a client that brings a file; parts follow. */
export const ImportRequest = z.strictObject({
  name: Name,
  id: digestText,
  manifestBytes: z.int().min(1).max(manifestBytesMax),
  /** Absent: nobody has signed it. */
  signature: z
    .strictObject({ key: z.string().regex(keyPattern), hex: z.string().regex(/^[0-9a-f]{128}$/) })
    .optional(),
  /** Good enough this once: this key; that nobody has signed it. An operator's to say. */
  trust: z.string().regex(keyPattern).optional(),
  allowUnsigned: z.boolean().default(false),
})
export type ImportRequest = z.infer<typeof ImportRequest>

/** A client that is given a file says what it has taken. */
export const TakenWord = z.strictObject({ taken: count })

/** What a client hears besides parts. */
export const TemplateWord = z.discriminatedUnion('is', [
  z.strictObject({ is: z.literal('begins'), size: FileSize }),
  z.strictObject({ is: z.literal('taken'), bytes: count }),
  /** As in ImportWants, base64. */
  z.strictObject({ is: z.literal('wants'), chunks: z.string() }),
  z.strictObject({ is: z.literal('done') }),
  z.strictObject({ is: z.literal('failed'), fault: Fault }),
])
export type TemplateWord = z.infer<typeof TemplateWord>

/** A key that templates' files may be signed with. */
export const TemplateKeyView = z.strictObject({
  name: Name,
  key: z.string().regex(keyPattern),
  addedWallMs: z.number(),
  by: z.string().optional(),
})
export type TemplateKeyView = z.infer<typeof TemplateKeyView>
export const TemplateKeyRequest = z.strictObject({ key: z.string().regex(keyPattern) })
