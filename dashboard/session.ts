// Who looks at this page: asked before anything else is. By a link to one VM, whose secret is
// behind the # of the address and so was never sent, the page gets a session for that VM first.
// Not here: what a session may do (proto/accounts.ts), the form (parts/login.tsx).

import { signal } from '@preact/signals'
import type { z } from 'zod'
import { type Action, IdentityView, type LoginRequest, may, type Owned } from '#proto/accounts.ts'
import { Problem, type VmView } from '#proto/api.ts'
import { addressOf } from './browser.ts'
import { hashOf } from './route.ts'

/** Undefined: not known yet. `stranger`: has to log in. */
export const me = signal<IdentityView | 'stranger' | undefined>(undefined)
/** Why the last try to get in failed. */
export const refusal = signal<string | undefined>(undefined)

/** What would be refused is not offered: the coordinator's own table says what that is. */
export const allows = (action: Action, vm?: VmView): boolean =>
  allowsOwned(action, vm && { id: vm.id, instanceId: vm.identity.instanceId, owner: vm.owner })

/** @param of what is somebody's; absent: the cluster */
export function allowsOwned(action: Action, of: Owned | undefined): boolean {
  const who = me.value
  if (who === undefined || who === 'stranger') return false
  return who.open || may(who, action, of)
}

const linkIn = (hash: string): string | undefined => /^#link=(\S+)$/.exec(hash)?.[1]

/** A link that is opened where the page is open already begins it anew, by the link. */
export function followLinks(): void {
  addEventListener('hashchange', () => {
    if (linkIn(location.hash) !== undefined) location.reload()
  })
}

/** Finds out who looks. A coordinator that does not answer is asked again by whoever watches it. */
export async function findOutWhoLooks(): Promise<void> {
  const secret = linkIn(location.hash)
  if (secret !== undefined) {
    history.replaceState(null, '', location.pathname)
    const isIn = await come('v1/share-session', { secret })
    const vmId = isIn && typeof me.value === 'object' ? me.value.limits?.vm?.id : undefined
    if (vmId !== undefined) history.replaceState(null, '', hashOf({ is: 'vm', id: vmId }))
    if (isIn) return
  }
  const answer = await fetch(addressOf('v1/me')).catch(() => undefined)
  if (answer?.status === 401) me.value = 'stranger'
  else me.value = IdentityView.safeParse(await answer?.json().catch(() => undefined)).data ?? nobody
}
/** The coordinator is away, or has no accounts: nothing is kept from anybody. */
const nobody: IdentityView = { name: '', role: 'operator', open: true }

/** Somebody has said who looks. */
export const isKnown = (): boolean => me.value !== nobody

export const logIn = (name: string, password: string): Promise<boolean> =>
  come('v1/login', { name, password } satisfies z.input<typeof LoginRequest>)

export async function logOut(): Promise<void> {
  await fetch(addressOf('v1/logout'), { method: 'POST' }).catch(() => undefined)
  // All that was seen is gone with the page.
  location.reload()
}

/**
 * Is it still the same person? When the session is over, or another tab has logged somebody else
 * in, the page begins anew; what was not known when it began, or may be done now, is known then.
 */
export async function lookAgain(): Promise<void> {
  const before = me.value
  if (before === 'stranger') return
  const answer = await fetch(addressOf('v1/me')).catch(() => undefined)
  const said: unknown = await answer?.json().catch(() => undefined)
  const now = answer?.ok ? IdentityView.safeParse(said).data : undefined
  const isOther = now && before && before !== nobody && before.name !== now.name
  if (answer?.status === 401 || isOther) location.reload()
  else if (now && JSON.stringify(now) !== JSON.stringify(before)) me.value = now
}

async function come(path: string, body: object): Promise<boolean> {
  const headers = { 'content-type': 'application/json' }
  const request = { method: 'POST', headers, body: JSON.stringify(body) }
  const answer = await fetch(addressOf(path), request).catch(() => undefined)
  const said: unknown = await answer?.json().catch(() => undefined)
  const identity = answer?.ok ? IdentityView.safeParse(said).data : undefined
  const why = Problem.safeParse(said).data?.detail ?? 'The coordinator does not answer.'
  refusal.value = identity ? undefined : why
  if (identity) me.value = identity
  return identity !== undefined
}
