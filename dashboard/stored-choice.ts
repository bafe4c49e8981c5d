// A choice of whoever sits at this browser, kept by it: yes or no, under a name. Where there is no
// storage the choice lasts as long as the page. Not here: what is chosen.

import { type Signal, signal } from '@preact/signals'

/** Set its value, and it is kept. */
export function storedChoice(name: string, atFirst: boolean): Signal<boolean> {
  const choice = signal(read(name) ?? atFirst)
  let isFirst = true
  choice.subscribe((isOn) => {
    if (!isFirst) write(name, isOn)
    isFirst = false
  })
  return choice
}

function read(name: string): boolean | undefined {
  try {
    const text = localStorage.getItem(name)
    return text === null ? undefined : text === 'on'
  } catch {
    return undefined
  }
}

function write(name: string, isOn: boolean): void {
  try {
    localStorage.setItem(name, isOn ? 'on' : 'off')
  } catch {
    // As above.
  }
}
