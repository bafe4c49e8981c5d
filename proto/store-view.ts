// Where a coordinator keeps what it knows, and whether that is well. Not here: what is kept
// (coordinator/store.ts).

import { z } from 'zod'

export const StoreMember = z.strictObject({
  /** `https://host:port` of a member of etcd, as the coordinator reaches it. */
  address: z.string().max(300),
  /** Why it is not well; absent: it is. */
  trouble: z.string().max(300).optional(),
})
export type StoreMember = z.infer<typeof StoreMember>

export const StoreView = z.strictObject({
  kind: z.enum(['file', 'etcd']),
  /** Of etcd, those that the coordinator was told of. */
  members: z.array(StoreMember),
})
export type StoreView = z.infer<typeof StoreView>
