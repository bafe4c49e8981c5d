// A VM's serial console as text: what the guest said lately, and a line to type. It stays through
// migrations. Not a terminal: control sequences are not drawn (our own guest sends none).

import { useEffect, useRef, useState } from 'preact/hooks'
import { ConsoleHeader } from '#proto/api.ts'
import { browserPorts } from '../browser.ts'
import { LiveStream, type StreamState } from '../live-stream.ts'

/** Characters kept: as much as the coordinator keeps for a replay. */
const textMax = 64 * 1024

export function ConsolePanel({ vmId, mayType }: { vmId: string; mayType: boolean }) {
  const [text, setText] = useState('')
  const [state, setState] = useState<StreamState>({ is: 'connecting' })
  const stream = useRef<LiveStream | undefined>(undefined)
  useEffect(() => {
    const decoder = new TextDecoder()
    const opened = new LiveStream(browserPorts(`v1/vms/${vmId}/console?replay=1`), {
      onState: (now) => {
        setState(now)
        // Everything kept is replayed after each connect.
        if (now.is === 'live') setText('')
      },
      onMessage: (data) => {
        const said = typeof data === 'string' ? headerText(data) : decodeWith(decoder, data)
        setText((before) => (before + said).slice(-textMax))
      },
    })
    stream.current = opened
    return () => opened.close()
  }, [vmId])
  return (
    <section class="console" aria-labelledby="console-title">
      <h3 id="console-title">
        Console {state.is !== 'live' && <small>{state.is === 'away' ? 'away' : '…'}</small>}
      </h3>
      <Output text={text} />
      {mayType && (
        <LineInput
          onLine={(line) => {
            const sent = stream.current?.send(lineBytes(line)) ?? false
            if (sent) setText((before) => `${before}› ${line}\n`)
            return sent
          }}
        />
      )}
    </section>
  )
}

/** Follows the end unless the reader has scrolled away from it. */
function Output({ text }: { text: string }) {
  const box = useRef<HTMLPreElement>(null)
  const follows = useRef(true)
  useEffect(() => {
    if (box.current && follows.current) box.current.scrollTop = box.current.scrollHeight
  })
  return (
    <pre
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must do so by keyboard too
      tabIndex={0}
      role="log"
      aria-labelledby="console-title"
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        follows.current = scrollTop + clientHeight > scrollHeight - 8
      }}
    >
      {text}
    </pre>
  )
}

function LineInput({ onLine }: { onLine: (line: string) => boolean }) {
  const [line, setLine] = useState('')
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault()
        if (onLine(line)) setLine('')
      }}
    >
      <input
        type="text"
        value={line}
        aria-label="A line for the guest"
        placeholder="1 ping"
        autocomplete="off"
        spellcheck={false}
        maxLength={256}
        onInput={(event) => setLine(event.currentTarget.value)}
      />
      <button type="submit">Send</button>
    </form>
  )
}

const lineBytes = (line: string) => new TextEncoder().encode(`${line}\n`)

const decodeWith = (decoder: TextDecoder, data: unknown): string =>
  data instanceof ArrayBuffer ? decoder.decode(data, { stream: true }) : ''

/**
 * The first header names where the output begins; a later one tells that the VM was booted again.
 */
function headerText(data: string): string {
  const header = ConsoleHeader.safeParse(jsonOf(data)).data
  return header && header.offset === 0 && header.nodeId ? `[booted on ${header.nodeId}]\n` : ''
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
