// Links of agents: the handshake, and what comes after it. A link speaks for one node from its
// hello on; whatever is malformed, out of order or too large closes that link with a named fault
// and touches nothing else. Console bytes go to the console hub, screens to theirs, what somebody
// looks at to the sight hub, everything else to the core. Times in ms.

import type { Cancel, Clock, Log } from '#env/env.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { NodeId } from '#proto/ids.ts'
import { AgentMessage, type CoordinatorMessage, type Hello } from '#proto/messages.ts'
import { isTemplateNews } from '#proto/templates/messages.ts'
import { protocolVersion } from '#proto/units.ts'
import { type MessageLink, sendControl, WireChannel } from '#proto/wire.ts'
import type { ConsoleHub } from './console/console-hub.ts'
import type { Coordinator } from './coordinator.ts'
import type { ScreenHub } from './screen/screen-hub.ts'
import type { SightHub } from './sights/sight-hub.ts'
import type { TemplateHub } from './templates/template-hub.ts'

/** The hello is the first thing an agent sends; a link without one is no agent's. */
const helloMsMax = 5000
/** The reason with which an agent closes its link when it leaves in good order. */
const goodbye = 'shutting-down'

export interface AgentDoor {
  readonly coordinator: Coordinator
  readonly consoles: ConsoleHub
  readonly screens: ScreenHub
  /** Absent: no file of a template comes or goes. */
  readonly templates?: TemplateHub
  /** Absent: nobody can look. */
  readonly sights?: SightHub
  readonly clock: Clock
  readonly log: Log
  /** The cluster's shared secret. */
  readonly token: string
  /** Of one of several coordinators. */
  readonly leadership?: Leadership | undefined
}

interface Leadership {
  readonly term: number
  /** Perhaps another leads. */
  doubt(): void
}

/** Takes over a link that came in. */
export function welcomeAgent(door: AgentDoor, link: MessageLink): void {
  new AgentSession(door, link)
}

class AgentSession {
  readonly #door: AgentDoor
  readonly #link: MessageLink
  readonly #linkId: number
  readonly #forgetDeadline: Cancel
  #nodeId: NodeId | undefined

  constructor(door: AgentDoor, link: MessageLink) {
    this.#door = door
    this.#link = link
    // By the link itself: a hello that was there before us is answered while the channel is still
    // being made.
    this.#linkId = door.coordinator.addLink({
      send: (message) => sendControl(link, message),
      close: (reason) => link.close(reason),
    })
    this.#forgetDeadline = door.clock.wakeAt(door.clock.nowMs() + helloMsMax, () => {
      if (this.#nodeId === undefined) this.#refuse(fault('timed-out', 'no hello came: send one'))
    })
    new WireChannel<AgentMessage, CoordinatorMessage>(link, AgentMessage, {
      message: (message) => this.#hear(message),
      closed: (reason, cause) => this.#closed(reason, cause),
    })
  }

  #hear(message: AgentMessage): void {
    const { coordinator, consoles, screens } = this.#door
    const nodeId = this.#nodeId
    const linkId = this.#linkId
    if (message.t === 'hello') this.#greet(message)
    else if (nodeId === undefined)
      this.#refuse(fault('bad-message', `${message.t} before hello: say hello first`))
    else if (message.t === 'heartbeat' && message.nodeId !== nodeId)
      this.#refuse(fault('bad-message', `this link speaks for ${nodeId}, not ${message.nodeId}`))
    else if (message.t === 'console-output' || message.t === 'console-accepted')
      consoles.hear(nodeId, message)
    else if (message.t === 'screen-frame' || message.t === 'screen-accepted')
      screens.hear(nodeId, message)
    else if (message.t === 'sight') this.#door.sights?.hear(nodeId, message)
    else if (isTemplateNews(message)) this.#door.templates?.hear(nodeId, message)
    else coordinator.take({ kind: 'agent-message', linkId, nodeId, message })
  }

  #greet(hello: Hello): void {
    const { provenName } = this.#link
    const { token, leadership } = this.#door
    const refusal = this.#nodeId ? helloTwice : refuseHello(hello, token, provenName)
    if (!refusal && hello.term !== undefined && hello.term > (leadership?.term ?? 0)) {
      this.#yield(hello.term)
      return
    }
    if (refusal) {
      this.#refuse(refusal)
      return
    }
    this.#forgetDeadline()
    this.#nodeId = hello.nodeId
    this.#door.coordinator.take({ kind: 'hello', linkId: this.#linkId, hello })
  }

  /** Whoever has obeyed a later coordinator does not obey this one, which may learn of it so. */
  #yield(term: number): void {
    const { leadership } = this.#door
    this.#refuse(leadership ? outranked(leadership.term, term) : neverSeveral(term))
    leadership?.doubt()
  }

  #refuse(why: Fault): void {
    const { peer } = this.#link
    this.#door.log.warn('agent refused', { peer, nodeId: this.#nodeId, ...why })
    const refused: CoordinatorMessage = { t: 'refused', fault: why }
    sendControl(this.#link, refused)
    this.#link.close(why.code)
  }

  #closed(reason: string, cause: Fault | undefined): void {
    const { coordinator, log } = this.#door
    this.#forgetDeadline()
    if (cause) log.warn('agent link closed', { nodeId: this.#nodeId, ...cause })
    coordinator.forgetLink(this.#linkId)
    if (this.#nodeId === undefined) return
    const isGoodbye = cause === undefined && reason === goodbye
    const names = { linkId: this.#linkId, nodeId: this.#nodeId }
    coordinator.take({ kind: 'link-closed', ...names, isGoodbye })
  }
}

const helloTwice = fault('bad-message', 'a second hello on one link: open another link for it')

const outranked = (own: number, term: number) =>
  fault(
    'stale-term',
    `this agent has obeyed a coordinator of term ${term}, and this one is of term ${own}: the later ` +
      'one is obeyed; an agent of an earlier etcd is to be started anew',
  )
const neverSeveral = (term: number) =>
  fault(
    'stale-term',
    `this agent has obeyed a coordinator of term ${term}, and this one is the only one of its ` +
      'cluster: start the agent anew if it is to change clusters',
  )

/** @param provenName by a certificate; undefined: the link asks for none */
function refuseHello(
  hello: Hello,
  token: string,
  provenName: string | undefined,
): Fault | undefined {
  const { nodeId, peerAddress } = hello
  if (provenName !== undefined && provenName !== nodeId)
    return fault(
      'bad-certificate',
      `the certificate is ${provenName}'s, not ${nodeId}'s: godwit certs issue ${nodeId}`,
    )
  // Other nodes take the name in the address for what they must be shown there.
  if (provenName !== undefined && URL.parse(peerAddress)?.username !== nodeId)
    return fault('bad-certificate', `${nodeId} must advertise wss://${nodeId}@HOST:PORT`)
  if (!equalInConstantTime(hello.token, token))
    return fault('bad-token', 'the token is wrong: give the agent the --token-file of this cluster')
  if (Math.abs(hello.protocolVersion - protocolVersion) > 1)
    return fault(
      'version-mismatch',
      `the agent speaks version ${hello.protocolVersion}, we speak ${protocolVersion}: ` +
        'upgrade one step at a time',
    )
  if (hello.role !== 'agent')
    return fault('bad-message', 'a peer does not join here: give it the address of an agent')
  return undefined
}

/** Takes as long for a wrong first character as for a wrong last one. */
function equalInConstantTime(given: string, wanted: string): boolean {
  let difference = given.length ^ wanted.length
  for (let i = 0; i < given.length; i++)
    difference |= given.charCodeAt(i) ^ wanted.charCodeAt(i % Math.max(1, wanted.length))
  return difference === 0
}
