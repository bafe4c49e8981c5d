// Keys of a browser as keys of a guest: `event.code`, the place of a key on the keyboard, to the
// number that Linux has for it; and letters to the keys that write them on a US keyboard, for
// keyboards on glass, which have no places.
// Sources: UI Events KeyboardEvent code Values (W3C); Linux, uapi/linux/input-event-codes.h.

/** In the order of the kernel's numbers, from `first` on; '-' where the browser has no name. */
const runs: readonly (readonly [first: number, names: string])[] = [
  [1, 'Escape Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal'],
  [14, 'Backspace Tab KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft'],
  [27, 'BracketRight Enter ControlLeft KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon'],
  [40, 'Quote Backquote ShiftLeft Backslash KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash'],
  [54, 'ShiftRight NumpadMultiply AltLeft Space CapsLock F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NumLock'],
  [70, 'ScrollLock Numpad7 Numpad8 Numpad9 NumpadSubtract Numpad4 Numpad5 Numpad6 NumpadAdd'],
  [79, 'Numpad1 Numpad2 Numpad3 Numpad0 NumpadDecimal - - IntlBackslash F11 F12'],
  [96, 'NumpadEnter ControlRight NumpadDivide PrintScreen AltRight - Home ArrowUp PageUp'],
  [105, 'ArrowLeft ArrowRight End ArrowDown PageDown Insert Delete'],
  [119, 'Pause'],
  [125, 'MetaLeft MetaRight ContextMenu'],
]

const codes: ReadonlyMap<string, number> = new Map(
  runs
    .flatMap(([first, names]) => names.split(' ').map((name, n) => [name, first + n] as const))
    .filter(([name]) => name !== '-'),
)

/** Undefined: the guest has no such key. */
export const keyCodeOf = (code: string): number | undefined => codes.get(code)

export const shiftCode = 42
const plain = "1234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./"
const shifted = '!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:"~\0|ZXCVBNM<>?'
const firstCode = 2
const spaceCode = 57

export interface Key {
  readonly code: number
  /** It must be held. */
  readonly shift: boolean
}

/** The key that writes this letter. Undefined: none does. */
export function keyOfLetter(letter: string): Key | undefined {
  if (letter === ' ') return { code: spaceCode, shift: false }
  if (letter === '\0') return undefined
  const at = plain.indexOf(letter)
  if (at >= 0) return { code: firstCode + at, shift: false }
  const shiftedAt = shifted.indexOf(letter)
  return shiftedAt >= 0 ? { code: firstCode + shiftedAt, shift: true } : undefined
}
