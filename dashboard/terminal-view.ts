// A terminal in the page: xterm.js in a box, with the page's colours and size.
// Not here: where its bytes come from and go to (parts/console-panel.tsx).
//
// The content policy of the page forbids style elements with text in them, which xterm.js makes for
// its colours and measures. It is given a document whose style elements are style sheets instead
// (CSSOM, constructable style sheets), which the policy allows; nothing else of it is changed.

import { Terminal } from '@xterm/xterm'

export interface TerminalView {
  write(data: Uint8Array | string): void
  /** What was said before, once more: what it asks a terminal has been answered already. */
  replay(data: Uint8Array): void
  clear(): void
  focus(): void
  dispose(): void
}

export interface TerminalHandlers {
  /** What a person typed, as the guest is to get it. */
  onTyped(bytes: Uint8Array<ArrayBuffer>): void
  /** Ctrl and ]: out of the terminal, as at `godwit console`. */
  onLeave(): void
}

const fontSizePx = 13
const rowsMin = 8

export function openTerminal(box: HTMLElement, handlers: TerminalHandlers): TerminalView {
  const sheets: CSSStyleSheet[] = []
  const terminal = new Terminal({
    documentOverride: documentWithSheets(sheets),
    screenReaderMode: true,
    convertEol: true,
    scrollback: 2000,
    fontSize: fontSizePx,
    fontFamily: 'ui-monospace, "DejaVu Sans Mono", monospace',
    theme: { background: '#14191b', foreground: '#dfe7e6', cursor: '#e98a66' },
  })
  terminal.open(box)
  terminal.attachCustomKeyEventHandler((event) => {
    const isBracket = event.code === 'BracketRight' || event.key === ']'
    const isLeave = event.ctrlKey && isBracket
    if (isLeave && event.type === 'keydown') handlers.onLeave()
    return !isLeave && !isClipboards(event, terminal)
  })
  // What was copied is marked no more, and the next Ctrl+C interrupts the guest.
  box.addEventListener('copy', () => setTimeout(() => terminal.clearSelection()))
  // Escape and the rest of the keyboard are the guest's while the terminal has it.
  box.addEventListener('keydown', (event) => event.stopPropagation())
  const encoder = new TextEncoder()
  let replays = 0
  // Who types has the terminal; without it there are only answers to what a guest asks of one, and
  // each other page that shows this console would give them too.
  terminal.onData((text) => {
    const isTyped = replays === 0 && box.contains(document.activeElement)
    if (isTyped) handlers.onTyped(encoder.encode(text))
  })
  const fitting = new ResizeObserver(() => fitInto(box, terminal))
  fitting.observe(box)
  return {
    write: (data) => terminal.write(data),
    replay: (data) => {
      replays++
      terminal.write(data, () => replays--)
    },
    clear: () => terminal.reset(),
    focus: () => terminal.focus(),
    dispose: () => {
      fitting.disconnect()
      terminal.dispose()
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter(
        (sheet) => !sheets.includes(sheet),
      )
    },
  }
}

/**
 * Copies what is marked, or pastes: the browser's own doing, which needs nobody's leave. Ctrl+C
 * without anything marked is the guest's.
 */
function isClipboards(event: KeyboardEvent, terminal: Terminal): boolean {
  if (!event.ctrlKey || event.altKey) return false
  if (event.code === 'KeyV') return event.shiftKey
  if (event.code !== 'KeyC' || !terminal.hasSelection()) return false
  // A browser has its own use for it, which is not to copy.
  if (event.shiftKey && event.type === 'keydown') {
    event.preventDefault()
    document.execCommand('copy')
  }
  return true
}

/** As many columns and rows as the box has room for: by what one of them takes now. */
function fitInto(box: HTMLElement, terminal: Terminal): void {
  const screen = box.querySelector('.xterm-screen')
  if (!screen || screen.clientWidth === 0) return
  const columnPx = screen.clientWidth / terminal.cols
  const rowPx = screen.clientHeight / terminal.rows
  const columns = Math.floor((box.clientWidth - 2 * fontSizePx) / columnPx)
  const rows = Math.floor(box.clientHeight / rowPx)
  if (columns > 1) terminal.resize(columns, Math.max(rows, rowsMin))
}

function documentWithSheets(sheets: CSSStyleSheet[]): Document {
  const createElement = (name: string, options?: ElementCreationOptions) =>
    name === 'style' ? sheetElement(sheets) : document.createElement(name, options)
  return new Proxy(document, {
    get(target, key) {
      if (key === 'createElement') return createElement
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** What stands for a style element: its text goes to a style sheet. */
function sheetElement(sheets: CSSStyleSheet[]): HTMLElement {
  const sheet = new CSSStyleSheet()
  sheets.push(sheet)
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
  const element = document.createElement('template')
  Object.defineProperty(element, 'textContent', {
    set: (text: string) => sheet.replaceSync(text),
  })
  return element
}
