// A VM as a model: what it asks of a core over time, and how it writes its memory. It executes
// nothing. It travels where a guest's image and arguments do: the image is called `model`, and its
// arguments are the model as JSON, so that clones, starts elsewhere and stored specs need nothing
// new. Not here: what follows from it (load-stairs.ts, dirty-sets.ts), how a scenario says it
// (language/model.ts). Percent of one core, pages of 4,096 bytes, ms.

import { z } from 'zod'
import { type Fault, fault } from '#proto/faults.ts'
import { count, ms } from '#proto/message-parts.ts'
import type { VmSpec } from '#proto/vm-spec.ts'

export const modelImage = 'model'

const percent = z.number().min(0).max(100)

/** How much of the CPU it asks for. */
export const ModelLoad = z.discriminatedUnion('is', [
  z.strictObject({ is: z.literal('constant'), percent }),
  /** mean + swing · sin(2π (t + phase) / period), in steps; without a phase each VM has its own. */
  z.strictObject({
    is: z.literal('wave'),
    meanPercent: percent,
    swingPercent: percent,
    periodMs: z.number().min(1000),
    phaseMs: ms.optional(),
  }),
  /** Samples of a trace that the world knows by this name; it begins again when it is over. */
  z.strictObject({
    is: z.literal('trace'),
    trace: z.string().min(1).max(200),
    fromMs: ms.default(0),
  }),
])
export type ModelLoad = z.infer<typeof ModelLoad>

/** So many pages are written again and again, at so many writes a second together. */
const WrittenSet = z.strictObject({ pages: count, perSec: z.number().min(0) })
export type WrittenSet = z.infer<typeof WrittenSet>
const nothingWritten: WrittenSet = { pages: 0, perSec: 0 }

export const VmModel = z.strictObject({
  load: ModelLoad,
  /**
   * The speed at a load of 100 %, in millions of instructions a second; absent: a core of whatever
   * node it is on.
   */
  mips: z.number().min(0.001).optional(),
  hot: WrittenSet.default(nothingWritten),
  cold: WrittenSet.default(nothingWritten),
  /** Which page of a set is written next: any of them, or one after the other. */
  order: z.enum(['random', 'in-turn']).default('random'),
  /** Pages that are not zero, besides hot and cold ones. */
  idlePages: count.default(0),
  /** A page on the wire, in parts of its size. */
  pageShare: z.number().min(0.001).max(1).default(1),
  /** From the order to start it until it runs. */
  bootMs: ms.default(300),
})
export type VmModel = Readonly<z.infer<typeof VmModel>>
export type VmModelInput = z.input<typeof VmModel>

/** The part of a VM's spec that says so. */
export const modelled = (model: VmModelInput): Pick<VmSpec, 'image' | 'args'> => ({
  image: modelImage,
  args: JSON.stringify(VmModel.parse(model)),
})

/** The VMs of a world are often alike: the one that was read last is not read again. */
let lastRead: { readonly args: string; readonly model: VmModel } | undefined

/** What comes over the wire may be anything. */
export function readModel({ image, args }: Pick<VmSpec, 'image' | 'args'>): VmModel | Fault {
  if (image !== modelImage)
    return fault('no-image', `a world of models runs models; ${image} is a real guest's image`)
  if (lastRead?.args === args) return lastRead.model
  const read = VmModel.safeParse(jsonOf(args))
  if (read.success) {
    lastRead = { args, model: read.data }
    return read.data
  }
  const [issue] = read.error.issues
  const where = issue?.path.map(String).join('.') || 'model'
  return fault('bad-request', `not a model of a VM: ${where}: ${issue?.message ?? 'wrong'}`)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const isModel = (read: VmModel | Fault): read is VmModel => 'load' in read

export const contentPages = ({ hot, cold, idlePages }: VmModel): number =>
  hot.pages + cold.pages + idlePages
