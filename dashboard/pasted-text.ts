// Text that is to be typed at a screen as if by hand: letter by letter, a few in each frame, so
// that a guest keeps up, and no more than a coordinator keeps for a guest that does not. What no
// key of a US keyboard writes is left out, and counted.
// Not here: keys as events (screen-session.ts), where the text is from (parts/paste.tsx).

import { type Key, keyOfLetter } from './key-codes.ts'

/** With shift a letter is 64 bytes of events: together less than is kept for a guest (256 KiB). */
export const pastedLettersMax = 3000
/** 240 a second: faster than any hand, slower than any guest. */
export const lettersPerFrame = 4

export interface Pasted {
  /** Letters that are being typed. */
  readonly typed: number
  /** No key writes them. */
  readonly strange: number
  /** There was no room for them. */
  readonly over: number
}

export class PastedText {
  #keys: readonly Key[] = []

  add(text: string): Pasted {
    const letters = [...text.replace(/\r\n?/g, '\n')]
    const found = letters.flatMap((letter) => keyOfLetter(letter) ?? [])
    const room = Math.max(0, pastedLettersMax - this.#keys.length)
    this.#keys = [...this.#keys, ...found.slice(0, room)]
    const typed = Math.min(room, found.length)
    return { typed, strange: letters.length - found.length, over: found.length - typed }
  }

  /** Of this frame. */
  next(): readonly Key[] {
    return this.#keys.slice(0, lettersPerFrame)
  }

  /** They are on their way. */
  drop(count: number): void {
    this.#keys = this.#keys.slice(count)
  }
}

const letters = (count: number) => (count === 1 ? '1 letter' : `${count} letters`)

export function pastedText({ typed, strange, over }: Pasted): string {
  const parts = [typed === 0 ? 'Nothing is typed' : `Typing ${letters(typed)}`]
  const them = strange === 1 ? 'it' : 'them'
  if (strange > 0)
    parts.push(`${letters(strange)} left out: no key of a US keyboard writes ${them}`)
  if (over > 0)
    parts.push(`${letters(over)} left out: at most ${pastedLettersMax} are typed at once`)
  return `${parts.join('; ')}.`
}
