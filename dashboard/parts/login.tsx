// The form for who is not known yet, and the sign of who is.
// Not here: sessions (../session.ts).

import type { Ref } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { logIn, logOut, me, refusal } from '../session.ts'

export function Login({ onIn }: { onIn: () => void }) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [isBusy, setBusy] = useState(false)
  const nameBox = useRef<HTMLInputElement>(null)
  const passwordBox = useRef<HTMLInputElement>(null)
  useEffect(() => nameBox.current?.focus(), [])
  const submit = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    const isIn = await logIn(name, password)
    setBusy(false)
    setPassword('')
    if (isIn) onIn()
    // Where one tries again; the button that was pressed has lost the focus meanwhile.
    else passwordBox.current?.focus()
  }
  return (
    <main class="login">
      <h1>
        <img src="./godwit.svg" alt="" width="28" height="28" /> Godwit
      </h1>
      <form onSubmit={submit} aria-label="Log in">
        <Field kind="username" value={name} onValue={setName} box={nameBox} />
        <Field kind="current-password" value={password} onValue={setPassword} box={passwordBox} />
        {refusal.value && !isBusy && <p role="alert">{refusal.value}</p>}
        <button type="submit" disabled={isBusy}>
          Log in
        </button>
        {/* A password is looked at slowly, on purpose. */}
        <p role="status">{isBusy && 'Looking whether that is right …'}</p>
      </form>
    </main>
  )
}

interface FieldProps {
  /** As password stores know it. */
  readonly kind: 'username' | 'current-password'
  readonly value: string
  readonly onValue: (value: string) => void
  readonly box: Ref<HTMLInputElement>
}

function Field({ kind, value, onValue, box }: FieldProps) {
  const same = {
    ...({ id: kind, autocomplete: kind, autocapitalize: 'none' } as const),
    ...{ spellcheck: false, required: true, value },
    onInput: (event: { currentTarget: HTMLInputElement }) => onValue(event.currentTarget.value),
  }
  return (
    <label htmlFor={kind}>
      {kind === 'username' ? 'Name' : 'Password'}
      {kind === 'username' ? (
        <input {...same} ref={box} type="text" />
      ) : (
        <input {...same} ref={box} type="password" />
      )}
    </label>
  )
}

/** Nothing, where nobody has an account. */
export function WhoLooks() {
  const who = me.value
  if (who === undefined || who === 'stranger' || who.open) return null
  return (
    <p class="who">
      {who.limits ? 'by a link' : who.name} <small>{who.limits ? '' : who.role}</small>
      <button type="button" onClick={() => void logOut()}>
        {who.limits ? 'Leave' : 'Log out'}
      </button>
    </p>
  )
}
