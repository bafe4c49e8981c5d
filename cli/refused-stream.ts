// Why a console or a screen was not opened. What a coordinator answers before a WebSocket is open
// is kept from the program (WHATWG WebSockets, section 3), and looks as if nobody had answered; so
// the VM is looked at instead. Not here: the streams themselves (commands/console.ts, screen.ts).

import type { VmView } from '#proto/api.ts'
import { faultOf } from '#proto/faults.ts'
import { mayAct, vmSentence } from '#proto/state.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import { CommandError, exitCode } from './exit-code.ts'

/** What `open` gives; when it was refused, the reason in words. */
export async function unlessRefused<T>(
  api: ApiClient,
  vmId: string,
  what: 'console' | 'screen',
  open: () => Promise<T>,
): Promise<T> {
  try {
    return await open()
  } catch (thrown) {
    if (faultOf(thrown).code !== 'link-lost') throw thrown
    // Where nobody answers this throws, and says so.
    const vm = await api.vm(vmId)
    throw new CommandError(exitCode.failed, whyNot(vm, what))
  }
}

function whyNot(vm: VmView, what: 'console' | 'screen'): string {
  const { id, phase } = vm
  if (mayAct('console', phase))
    return `the ${what} of ${id} is not open to you: it is its owner's (see: godwit whoami)`
  const isDown = phase === 'failed' || phase === 'stopped'
  const mend = isDown ? `: godwit start ${id}` : `; see: godwit why ${id}`
  return `${id} ${vmSentence(vm)}; it has a ${what} while it runs${mend}`
}
