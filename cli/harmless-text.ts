// What guests and other persons have written, for a terminal: it shows their control characters,
// and obeys none (ECMA-48), so that no label clears a screen, sets its title, or types an answer.
// Not here: a console, which is the guest's own (commands/console.ts); what programs read, which
// stays as it is (terminal.ts). Each character stays one column wide.

/** Our own colours (SGR), or one control character; not the end of a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about.
const controls = /\x1b\[[\d;]*m|[\x00-\x09\x0b-\x1f\x7f-\x9f]/g

/** Unicode's pictures of the controls, U+2400 and up. */
const pictures = 0x2400
const pictureOfDelete = '␡'

export const harmless = (text: string): string =>
  text.replace(controls, (control) => (control.length > 1 ? control : pictureOf(control)))

function pictureOf(control: string): string {
  const code = control.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(pictures + code)
  return code === 0x7f ? pictureOfDelete : '\ufffd'
}
