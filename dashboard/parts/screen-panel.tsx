// A VM's screen, to be used: a canvas that takes keys and pointer, and a word on how it stands. It
// stays through migrations, and comes back after an outage. Ctrl and ] leaves it, since Tab and
// Escape are the guest's.
// Not here: frames and events (screen-session.ts), the page that shows a screen alone
// (screen-page.tsx).

import { useEffect, useRef, useState } from 'preact/hooks'
import type { VmView } from '#proto/api.ts'
import { readScreenSize } from '#proto/screen.ts'
import { ownImage } from '#proto/vm-spec.ts'
import { browserPorts } from '../browser.ts'
import { inflateRaw } from '../inflate.ts'
import { keyCodeOf } from '../key-codes.ts'
import { LiveStream, type StreamState } from '../live-stream.ts'
import { pastedText } from '../pasted-text.ts'
import { hashOf } from '../route.ts'
import { placeOn, ScreenSession } from '../screen-session.ts'
import { allows } from '../session.ts'
import { Paste } from './paste.tsx'
import { isWholeWished, usePictureFit } from './picture-fit.ts'
import { isRefused, useTended } from './tended.ts'

/** For so long it is told that the screen is back. */
const backMs = 4000

interface Shown {
  readonly session: ScreenSession | undefined
  readonly state: StreamState
  readonly nodeId: string | undefined
  readonly isBack: boolean
  /** Keys that wait, and that found no room. */
  readonly waiting: { readonly kept: number; readonly lost: number }
}

/** It takes the keyboard as a whole, and says so to who does not see it. */
const asApplication = { role: 'application', tabIndex: 0 } as const

export function ScreenPanel({ vm, isAlone = false }: { vm: VmView; isAlone?: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const box = useRef<HTMLElement>(null)
  const leave = useRef<HTMLButtonElement>(null)
  const size = readScreenSize(vm.spec.screen ?? '') ?? { width: 1, height: 1 }
  const shown = useScreen(vm, canvas)
  usePictureFit(canvas, size, isAlone)
  const [pasted, paste] = usePaste(shown.session, canvas)
  return (
    <section class={`screen ${isAlone ? 'alone' : ''}`} aria-labelledby="screen-title" ref={box}>
      <Title name={isAlone ? vm.id : undefined} sentence={sentenceOf(vm, shown)} />
      <div class="picture">
        <canvas
          ref={canvas}
          class={`${isStill(vm, shown) ? 'still' : ''} ${drawsPointer(vm) ? 'own' : ''}`}
          width={size.width}
          height={size.height}
          {...asApplication}
          aria-label={`Screen of ${vm.id}. It takes all keys; Control and ] leaves it.`}
          aria-describedby="screen-hint"
          {...handlersOf(shown.session, size, () => void leaveScreen(leave.current))}
          onPaste={(event) => {
            event.preventDefault()
            if (allows('type', vm)) paste(event.clipboardData?.getData('text/plain') ?? '')
          }}
        />
      </div>
      <div class="row">
        <button type="button" ref={leave} onClick={() => void box.current?.requestFullscreen()}>
          Full screen
        </button>
        <OtherPlace id={vm.id} isAlone={isAlone} />
        {isAlone && <WholePixels />}
        {allows('type', vm) && <Paste vmId={vm.id} onText={paste} />}
        {allows('type', vm) && <TypeHere onText={(text) => shown.session?.write(text)} />}
        <small id="screen-hint">{hintOf(vm)}</small>
        <small role="status">{pasted}</small>
      </div>
    </section>
  )
}

/** @param name of the VM, where nothing else on the page says it */
function Title({
  name,
  sentence,
}: {
  readonly name: string | undefined
  readonly sentence: string
}) {
  const Heading = name === undefined ? 'h3' : 'h1'
  return (
    <Heading id="screen-title">
      {name ?? 'Screen'} <small role="status">{sentence}</small>
    </Heading>
  )
}

/** With the panel around it, or without. */
function OtherPlace({ id, isAlone }: { readonly id: string; readonly isAlone: boolean }) {
  const to = hashOf({ is: 'vm', id, ...(isAlone ? {} : { part: 'screen' }) })
  return (
    <a class="button" href={to}>
      {isAlone ? 'The cluster' : 'Alone'}
    </a>
  )
}

/** Types a text, says what becomes of it, and lets the person go on at the screen. */
function usePaste(session: ScreenSession | undefined, canvas: { current: HTMLElement | null }) {
  const [pasted, setPasted] = useState('')
  const paste = (text: string) => {
    if (!session) return
    setPasted(pastedText(session.paste(text)))
    canvas.current?.focus()
  }
  return [pasted, paste] as const
}

/** The stream of this screen, drawn on the canvas for as long as both are there. */
function useScreen(vm: VmView, canvas: { current: HTMLCanvasElement | null }): Shown {
  const { id: vmId } = vm
  const [state, setState] = useState<StreamState>({ is: 'connecting' })
  const [nodeId, setNodeId] = useState<string | undefined>(undefined)
  const [isBack, setIsBack] = useState(false)
  const [session, setSession] = useState<ScreenSession | undefined>(undefined)
  const [waiting, setWaiting] = useState({ kept: 0, lost: 0 })
  const looked = useRef<LiveStream>(null)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const opened = new ScreenSession({
      send: (bytes) => stream.send(bytes),
      inflate: inflateRaw,
      onHeader: (header, wasElsewhere) => {
        setNodeId(header.nodeId)
        if (!wasElsewhere) return
        setIsBack(true)
        clearTimeout(timer)
        timer = setTimeout(() => setIsBack(false), backMs)
      },
      onPicture: (rgba) => draw(canvas.current, rgba),
      onWaiting: (kept, lost) => setWaiting({ kept, lost }),
    })
    const stream = new LiveStream(browserPorts(`v1/vms/${vmId}/screen`), {
      onState: (now) => {
        setState(now)
        if (now.is === 'live') opened.comeBack()
      },
      onMessage: (data) => opened.hear(data),
    })
    setSession(opened)
    looked.current = stream
    let frame = 0
    const move = () => {
      opened.nextFrame()
      frame = requestAnimationFrame(move)
    }
    move()
    return () => {
      cancelAnimationFrame(frame)
      clearTimeout(timer)
      opened.release()
      stream.close()
    }
  }, [vmId, canvas])
  useTended(looked, vm)
  return { session, state, nodeId, isBack, waiting }
}

function draw(canvas: HTMLCanvasElement | null, rgba: Uint8ClampedArray<ArrayBuffer>): void {
  const context = canvas?.getContext('2d')
  if (!canvas || !context || rgba.length !== canvas.width * canvas.height * 4) return
  context.putImageData(new ImageData(rgba, canvas.width, canvas.height), 0, 0)
}

type PointerOf = PointerEvent & { readonly currentTarget: HTMLCanvasElement }

function handlersOf(
  session: ScreenSession | undefined,
  size: { readonly width: number; readonly height: number },
  leave: () => void,
) {
  const point = (event: PointerOf) => {
    const box = event.currentTarget.getBoundingClientRect()
    const at = placeOn(size, box, { x: event.clientX - box.left, y: event.clientY - box.top })
    session?.point(at.x, at.y)
  }
  const key = (event: KeyboardEvent, value: 0 | 1 | 2) => {
    event.stopPropagation()
    if (event.ctrlKey && (event.code === 'BracketRight' || event.key === ']')) {
      event.preventDefault()
      if (value !== 0) leave()
      return
    }
    // The browser's own way to paste: it brings the text in an event of its own (onPaste).
    if (event.code === 'KeyV' && ((event.ctrlKey && event.shiftKey) || event.metaKey)) return
    const code = keyCodeOf(event.code)
    if (code === undefined) return
    event.preventDefault()
    session?.key(code, value)
  }
  // A second finger would be where no pointer of the guest is.
  const pointer = (event: PointerOf) => {
    if (!event.isPrimary) return
    point(event)
    // Only a first button comes down, and a last one up, in an event of its own. What came down
    // elsewhere is not the guest's.
    if (event.currentTarget.hasPointerCapture(event.pointerId)) session?.buttons(event.buttons)
  }
  return {
    onKeyDown: (event: KeyboardEvent) => key(event, event.repeat ? 2 : 1),
    onKeyUp: (event: KeyboardEvent) => key(event, 0),
    onBlur: () => session?.release(),
    onPointerMove: pointer,
    onPointerDown: (event: PointerOf) => {
      event.currentTarget.focus()
      event.currentTarget.setPointerCapture(event.pointerId)
      pointer(event)
    },
    onPointerUp: pointer,
    onPointerCancel: ({ isPrimary }: PointerOf) => isPrimary && session?.buttons(0),
    onContextMenu: (event: Event) => event.preventDefault(),
    onWheel: (event: WheelEvent) => {
      event.preventDefault()
      session?.wheel(-Math.sign(event.deltaY))
    },
  }
}

const hintOf = (vm: VmView): string =>
  `Ctrl+] leaves the screen${allows('type', vm) ? ', Ctrl+Shift+V pastes' : ''}`

/** Out of full screen first, for nothing else is seen there. */
async function leaveScreen(to: HTMLElement | null): Promise<void> {
  if (document.fullscreenElement) await document.exitFullscreen()
  to?.focus()
}

function WholePixels() {
  return (
    <button
      type="button"
      aria-pressed={isWholeWished.value}
      title="Each pixel of the guest as a sharp square, and the picture perhaps smaller"
      onClick={() => {
        isWholeWished.value = !isWholeWished.value
      }}
    >
      Whole pixels
    </button>
  )
}

/** For keyboards on glass, which tell letters and no keys: each goes on at once. */
function TypeHere({ onText }: { onText: (text: string) => void }) {
  return (
    <input
      class="type-here"
      type="text"
      aria-label="Type into the screen"
      placeholder="Type here"
      autocomplete="off"
      autocapitalize="off"
      spellcheck={false}
      onInput={(event) => {
        onText(event.currentTarget.value)
        event.currentTarget.value = ''
      }}
      onKeyDown={(event) => {
        if (event.key === 'Backspace') onText('\b')
        if (event.key === 'Enter') onText('\n')
      }}
    />
  )
}

/** Our own guest shows its pointer itself. */
const drawsPointer = ({ spec }: VmView): boolean => spec.image === ownImage

/** What is seen is not what the guest shows now. */
const isStill = ({ phase }: VmView, { state }: Shown): boolean =>
  state.is !== 'live' || (phase !== 'running' && phase !== 'migrating')

function sentenceOf({ phase, fault }: VmView, { state, nodeId, isBack, waiting }: Shown): string {
  // Of a VM that is on its way the coordinator refuses it, and is there.
  if (state.is === 'away' && !isRefused(phase)) return awayText(waiting)
  if (state.is === 'connecting') return '…'
  if (phase === 'migrating') return 'it is moving …'
  if (phase === 'paused') return 'paused: nothing moves until it is resumed'
  if (phase === 'recovering') return 'its node was lost; it comes back elsewhere'
  if (phase !== 'running') return fault?.message ?? phase
  const where = nodeId ? ` on ${nodeId}` : ''
  return isBack ? `back,${where}` : `live${where}`
}

function awayText({ kept, lost }: Shown['waiting']): string {
  if (lost > 0) return 'the coordinator is away; no more keys can be kept: these are lost'
  if (kept > 0) return 'the coordinator is away; the keys are sent when it is back'
  return 'the coordinator is away; it comes back by itself'
}
