// Text within HTML, SVG and XML: what would be markup is written as a character reference, so that
// a sentence from a scenario or a fault stays a sentence. Pure.

export const plain = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
