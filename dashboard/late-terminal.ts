// A terminal whose program (xterm.js, half of the page's script) comes when the first one is
// opened: what is written meanwhile waits for it. Not here: the terminal (terminal-view.ts).

import type { TerminalHandlers, TerminalView } from './terminal-view.ts'

/** @param box where it comes to stand, and stands no more once it was disposed of. */
export function lateTerminal(
  box: { readonly current: HTMLElement | null },
  handlers: TerminalHandlers,
): TerminalView {
  let isOver = false
  const terminal = program(() => isOver).then((opened) =>
    isOver || !box.current ? undefined : opened?.openTerminal(box.current, handlers),
  )
  const inTurn = (act: (view: TerminalView) => void) =>
    void terminal.then((view) => view && act(view))
  return {
    write: (data) => inTurn((view) => view.write(data)),
    replay: (data) => inTurn((view) => view.replay(data)),
    clear: () => inTurn((view) => view.clear()),
    focus: () => inTurn((view) => view.focus()),
    dispose: () => {
      isOver = true
      inTurn((view) => view.dispose())
    },
  }
}

const againMs = 1000

/** Asked for until it comes: the coordinator may be away just now. */
async function program(isOver: () => boolean) {
  while (!isOver())
    try {
      return await import('./terminal-view.ts')
    } catch {
      await new Promise((resolve) => setTimeout(resolve, againMs))
    }
  return undefined
}
