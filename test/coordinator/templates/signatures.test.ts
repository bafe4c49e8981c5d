// Whose files of templates come in: a table of who has signed what, and who brings it.

import { describe, expect, test } from 'vitest'
import { whyNotIn } from '#coordinator/templates/signatures.ts'
import { makeKey, sign, verify } from '#env/real.ts'
import { hexText, keyText, readKeyText, signedText } from '#proto/templates/file.ts'

const ann = makeKey()
const bob = makeKey()
const id = 'ab'.repeat(32)
const signedBy = (key: typeof ann, of = id) => ({
  key: keyText(key.publicKey),
  hex: hexText(sign(key, signedText(of))),
})
const annsKey = keyText(ann.publicKey)
const bobsKey = keyText(bob.publicKey)

type Asked = Parameters<typeof whyNotIn>[0]
const asked = (more: Partial<Asked>): Asked => ({ id, allowUnsigned: false, ...more })
const operator = { mayTrust: true }
const person = { mayTrust: false }
const outcome = (more: Partial<Asked>, who = operator, trusted = [annsKey]) =>
  whyNotIn(asked(more), who, trusted, verify)?.code ?? 'comes in'

describe('a file', () => {
  test('of somebody who is trusted comes in, whoever brings it', () => {
    expect(outcome({ signature: signedBy(ann) }, person)).toBe('comes in')
  })

  test('of somebody else does not, and the refusal says how it could', () => {
    const why = whyNotIn(asked({ signature: signedBy(bob) }), operator, [annsKey], verify)
    expect(why?.code).toBe('untrusted-key')
    expect(why?.message).toContain(`godwit template trust NAME ${bobsKey}`)
  })

  test('of somebody else comes in once, when an operator names the key, and no other', () => {
    expect(outcome({ signature: signedBy(bob), trust: bobsKey })).toBe('comes in')
    expect(outcome({ signature: signedBy(bob), trust: annsKey })).toBe('untrusted-key')
    expect(outcome({ signature: signedBy(bob), trust: bobsKey }, person)).toBe('not-allowed')
  })

  test('that nobody has signed comes in only when an operator says so', () => {
    expect(outcome({})).toBe('untrusted-key')
    expect(outcome({ allowUnsigned: true })).toBe('comes in')
    expect(outcome({ allowUnsigned: true }, person)).toBe('not-allowed')
  })

  test('with a signature of another file does not, though its key is trusted', () => {
    const other = signedBy(ann, 'cd'.repeat(32))
    expect(outcome({ signature: other })).toBe('bad-template')
    expect(outcome({ signature: other, trust: annsKey, allowUnsigned: true })).toBe('bad-template')
    const borrowed = { key: annsKey, hex: signedBy(bob).hex }
    expect(outcome({ signature: borrowed })).toBe('bad-template')
  })
})

test('a key is read from its text as it was written, and nothing else is a key', () => {
  expect(readKeyText(annsKey)).toEqual(ann.publicKey)
  for (const text of ['', 'gwk_', `${annsKey}0`, annsKey.toUpperCase()])
    expect(readKeyText(text)).toBeUndefined()
})
