// A VM's serial console: a terminal, and a line to type beside it, for guests that do not echo. It
// stays through migrations. Ctrl and ] leaves the terminal, in which Tab and Escape are the
// guest's. Not here: the terminal itself (terminal-view.ts).

import { useEffect, useRef, useState } from 'preact/hooks'
import { ConsoleHeader, type VmView } from '#proto/api.ts'
import { jsonOf } from '#proto/json.ts'
import { browserPorts } from '../browser.ts'
import { KeptInput, nothingWaits, type Waiting } from '../kept-input.ts'
import { lateTerminal } from '../late-terminal.ts'
import { LiveStream, type StreamState } from '../live-stream.ts'
import type { TerminalView } from '../terminal-view.ts'
import { isRefused, useTended } from './tended.ts'

interface ConsoleProps {
  readonly vm: VmView
  readonly echoes: boolean
  readonly mayType: boolean
}

export function ConsolePanel({ vm, echoes, mayType }: ConsoleProps) {
  const { id: vmId } = vm
  const [state, setState] = useState<StreamState>({ is: 'connecting' })
  const [waiting, setWaiting] = useState(nothingWaits)
  const box = useRef<HTMLDivElement>(null)
  const line = useRef<HTMLInputElement>(null)
  const input = useRef<KeptInput | undefined>(undefined)
  const terminal = useRef<TerminalView | undefined>(undefined)
  const stream = useRef<LiveStream>(null)
  useEffect(() => {
    const view = lateTerminal(box, {
      onTyped: (bytes) => void input.current?.type(bytes),
      onLeave: () => line.current?.focus(),
    })
    terminal.current = view
    let isReplay = false
    const kept = new KeptInput((bytes) => opened.send(bytes), setWaiting)
    const opened: LiveStream = new LiveStream(browserPorts(`v1/vms/${vmId}/console?replay=1`), {
      onState: (now) => {
        setState(now)
        if (now.is !== 'live') return
        // Everything kept is replayed after each connect, at once.
        view.clear()
        isReplay = true
        kept.comeBack()
      },
      onMessage: (data) => {
        if (typeof data === 'string') view.write(headerText(data))
        if (!(data instanceof ArrayBuffer)) return
        if (isReplay) view.replay(new Uint8Array(data))
        else view.write(new Uint8Array(data))
        isReplay = false
      },
    })
    input.current = kept
    stream.current = opened
    return () => {
      opened.close()
      view.dispose()
    }
  }, [vmId])
  useTended(stream, vm)
  return (
    <section class="console" aria-labelledby="console-title">
      <h3 id="console-title">
        Console <small role="status">{sentenceOf(vm, state, waiting)}</small>
        <small class="hint">
          Ctrl+] leaves it, Ctrl+C copies what is marked, Ctrl+Shift+V pastes
        </small>
      </h3>
      <div class="terminal-box" ref={box} />
      {mayType && (
        <LineInput
          field={line}
          onLine={(text) => {
            const sent = input.current?.type(lineBytes(text)) ?? false
            if (sent && !echoes) terminal.current?.write(`› ${text}\r\n`)
            return sent
          }}
        />
      )}
    </section>
  )
}

function sentenceOf({ phase }: VmView, { is }: StreamState, waiting: Waiting): string {
  const { keptBytes, lostBytes } = waiting
  if (is === 'live') return ''
  if (isRefused(phase)) return phase
  if (is === 'connecting') return '…'
  if (lostBytes > 0) return 'away; no more can be kept: what is typed now is lost'
  return keptBytes > 0 ? 'away; what was typed is sent when it is back' : 'away'
}

function LineInput({
  field,
  onLine,
}: {
  field: { current: HTMLInputElement | null }
  onLine: (line: string) => boolean
}) {
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
        ref={field}
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

/**
 * The first header names where the output begins; a later one tells that the VM was booted again.
 */
function headerText(data: string): string {
  const header = ConsoleHeader.safeParse(jsonOf(data)).data
  return header && header.offset === 0 && header.nodeId ? `[booted on ${header.nodeId}]\r\n` : ''
}
