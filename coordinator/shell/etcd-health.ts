// Whether each member of etcd is well, by its own word: /health answers 200 when it can read what
// all of etcd vouches for. For `godwit doctor`; nothing is decided by it.
// Not here: the connection for all else (etcd-gateway.ts). Source: etcd.io, "Monitoring etcd".

import type { StoreMember, StoreView } from '#proto/store-view.ts'
import { ask, type EtcdPlace, wayTo, whyNot } from './etcd-gateway.ts'

const answerMsMax = 1500

export function etcdHealth(place: EtcdPlace): () => Promise<StoreView> {
  const way = wayTo(place)
  const memberAt = async (address: string): Promise<StoreMember> => {
    try {
      const options = { ...way(), method: 'GET' }
      const { isGood } = await ask(new URL('/health', address), '', answerMsMax, options)
      return isGood ? { address } : { address, trouble: 'it says that it is not well' }
    } catch (thrown) {
      return { address, trouble: whyNot(thrown).slice(0, 300) }
    }
  }
  return async () => ({ kind: 'etcd', members: await Promise.all(place.urls.map(memberAt)) })
}
