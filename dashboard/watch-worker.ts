// Watches the cluster beside the page: opens the stream, reads and checks each view, and tells the
// page what has changed. A view of a thousand VMs takes longer to read than a frame lasts; here it
// delays nobody. Not here: what the page makes of it (cluster.ts).

import { ClusterView } from '#proto/api.ts'
import { jsonOf } from '#proto/json.ts'
import { LiveStream, type Socket, type StreamState } from './live-stream.ts'
import { changesOf, type ViewChanges } from './view-changes.ts'

/** What the page says. */
export type ToWatcher =
  | { readonly say: 'open'; readonly address: string; readonly health: string }
  /** It has come to the front, or the network back. */
  | { readonly say: 'hurry' }

/** What the page hears. */
export type FromWatcher =
  /** `sinceMs` of away: by the clock on the wall, for the two have no other in common. */
  | { readonly hear: 'state'; readonly state: StreamState }
  | { readonly hear: 'changes'; readonly changes: ViewChanges }
  | { readonly hear: 'strange'; readonly what: string | undefined }

const here = self as unknown as {
  postMessage(message: FromWatcher): void
  onmessage: ((event: { readonly data: ToWatcher }) => void) | null
}

let stream: LiveStream | undefined
let told: ClusterView | undefined
let strange: string | undefined
let waiting: ReturnType<typeof setTimeout> | undefined
let newest: string | undefined
let toldAtMs = Number.NEGATIVE_INFINITY
/** The stream is open; the page hears so with the first view of it, and not before it can act. */
let isLiveToTell = false

here.onmessage = ({ data }) => {
  if (data.say === 'open') {
    stream ??= open(data.address)
    setInterval(() => void doubt(data.health), silentMsMax)
  } else {
    // A machine that has slept, or changed its network, has connections that lead nowhere.
    if (isSilent()) stream?.drop(heardAtMs)
    stream?.hurry()
  }
}

/** Longer than any cluster with a node is silent. */
const silentMsMax = 5000
const answerMsMax = 5000
let heardAtMs = Date.now()
const isSilent = (): boolean => Date.now() - heardAtMs > silentMsMax

/**
 * A coordinator that hangs, or a network that swallows what is sent, closes no connection. Over a
 * slow link one view may take long; then there is an answer, and it is waited for.
 */
async function doubt(health: string): Promise<void> {
  if (!isSilent()) return
  const how = { cache: 'no-store', signal: AbortSignal.timeout(answerMsMax) } as const
  const isThere = await fetch(health, how).then(
    () => true,
    () => false,
  )
  if (!isThere && isSilent()) stream?.drop(heardAtMs)
}

const open = (address: string): LiveStream =>
  new LiveStream(
    {
      open: () => new WebSocket(address) as unknown as Socket,
      nowMs: () => Date.now(),
      after: (ms, fn) => {
        const timer = setTimeout(fn, ms)
        return () => clearTimeout(timer)
      },
    },
    {
      onState: (state) => {
        isLiveToTell = state.is === 'live'
        if (!isLiveToTell) here.postMessage({ hear: 'state', state })
      },
      onMessage: (data) => {
        heardAtMs = Date.now()
        take(String(data))
      },
    },
  )

/** Less than half a second between two views of a thousand VMs; none where there are few. */
const restMs = (): number => Math.min(500, 0.4 * (told?.vms.length ?? 0))

/** Only the newest counts. */
function take(text: string): void {
  newest = text
  if (waiting !== undefined) return
  const leftMs = Math.max(0, toldAtMs + restMs() - performance.now())
  waiting = setTimeout(tell, leftMs)
}

function tell(): void {
  waiting = undefined
  toldAtMs = performance.now()
  const checked = ClusterView.safeParse(jsonOf(newest ?? ''))
  const [issue] = checked.error?.issues ?? []
  const what = issue ? `${issue.path.join('.')}: ${issue.message}` : undefined
  if (what !== strange) here.postMessage({ hear: 'strange', what })
  strange = what
  if (checked.success) {
    here.postMessage({ hear: 'changes', changes: changesOf(told, checked.data) })
    told = checked.data
  }
  if (isLiveToTell) here.postMessage({ hear: 'state', state: { is: 'live' } })
  isLiveToTell = false
}
