// Of several coordinators, one, and where a browser reaches it. Not here: which of them leads
// (coordinator/etcd/), what a page does when its own is away (dashboard/elsewhere.ts).

import { z } from 'zod'

export const CoordinatorPlace = z.strictObject({
  name: z.string().max(80),
  /** `https://host:port`, and nothing behind it. */
  address: z.string().max(300),
})
export type CoordinatorPlace = z.infer<typeof CoordinatorPlace>
/** What a coordinator that leads, and one that does not, answers at /healthz. */
export const healthWords = { leader: 'ok\n', follower: 'follower\n' } as const
