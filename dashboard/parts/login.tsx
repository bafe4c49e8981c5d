// The form for who is not known yet, and the sign of who is.
// Not here: sessions (../session.ts).

import { useEffect, useRef, useState } from 'preact/hooks'
import { logIn, logOut, me, refusal } from '../session.ts'

export function Login({ onIn }: { onIn: () => void }) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [isBusy, setBusy] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    const isIn = await logIn(name, password)
    setBusy(false)
    setPassword('')
    if (isIn) onIn()
  }
  return (
    <main class="login">
      <h1>
        <img src="./godwit.svg" alt="" width="28" height="28" /> Godwit
      </h1>
      <form onSubmit={submit} aria-label="Log in">
        <Field label="Name" kind="username" value={name} onValue={setName} />
        <Field label="Password" kind="current-password" value={password} onValue={setPassword} />
        {refusal.value && <p role="alert">{refusal.value}</p>}
        <button type="submit" disabled={isBusy}>
          Log in
        </button>
      </form>
    </main>
  )
}

interface FieldProps {
  readonly label: string
  /** As password stores know it. */
  readonly kind: 'username' | 'current-password'
  readonly value: string
  readonly onValue: (value: string) => void
}

function Field({ label, kind, value, onValue }: FieldProps) {
  const box = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (kind === 'username') box.current?.focus()
  }, [kind])
  const same = {
    ...({ id: kind, autocomplete: kind, autocapitalize: 'none' } as const),
    ...{ spellcheck: false, required: true, value },
    onInput: (event: { currentTarget: HTMLInputElement }) => onValue(event.currentTarget.value),
  }
  return (
    <label htmlFor={kind}>
      {label}
      {kind === 'username' ? (
        <input {...same} ref={box} type="text" />
      ) : (
        <input {...same} type="password" />
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
