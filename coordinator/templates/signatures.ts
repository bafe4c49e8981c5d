// Whether a template's file may come in: its signature must be good, and its key one that the
// cluster trusts, unless an operator says otherwise for this once. Pure but for the check of a
// signature, which is a port. Not here: what is in the file, which the node holds against its id.

import { type Fault, fault } from '#proto/faults.ts'
import { readKeyText, signedText } from '#proto/templates/file.ts'
import type { ImportRequest } from '#proto/templates/messages.ts'

/** Ed25519 (RFC 8032): is this the signature of these bytes by that key? */
export type Verify = (key: Uint8Array, bytes: Uint8Array, signature: Uint8Array) => boolean

export interface Importer {
  /** The account of whoever brings it, if they have one. */
  readonly by: string | undefined
  /** Whose it is to be. */
  readonly owner: string | undefined
  /** They may say whom to trust. */
  readonly mayTrust: boolean
}

type Asked = Pick<ImportRequest, 'id' | 'signature' | 'trust' | 'allowUnsigned'>

/** Undefined: it may come in. `trusted`: the keys of the cluster. */
export function whyNotIn(
  asked: Asked,
  importer: Pick<Importer, 'mayTrust'>,
  trusted: readonly string[],
  verify: Verify,
): Fault | undefined {
  const { signature, id, trust } = asked
  const isException = trust !== undefined || asked.allowUnsigned
  if (isException && !importer.mayTrust) return notTheirs
  if (!signature) return asked.allowUnsigned ? undefined : unsigned
  const key = readKeyText(signature.key)
  const bytes = Uint8Array.from(signature.hex.match(/../g) ?? [], (byte) => parseInt(byte, 16))
  if (!key || !verify(key, signedText(id), bytes)) return badSignature
  if (trusted.includes(signature.key) || trust === signature.key) return undefined
  const whose = `the file is signed by ${signature.key}`
  if (trust !== undefined)
    return fault('untrusted-key', `${whose}, and not by ${trust}: ask who is`)
  const mend = `godwit template trust NAME ${signature.key}, or import it with --trust KEY this once`
  return fault('untrusted-key', `${whose}, whom this cluster does not trust: ${mend}`)
}

const unsigned = fault(
  'untrusted-key',
  'nobody has signed this file: have it exported with a key (godwit template key), or let it in ' +
    'this once with --allow-unsigned',
)
const badSignature = fault(
  'bad-template',
  'the signature is not of this file: it was altered since it was signed; export it again',
)
const notTheirs = fault(
  'not-allowed',
  'only an operator may let in what the cluster does not trust: ask one, or leave out --trust and ' +
    '--allow-unsigned',
)
