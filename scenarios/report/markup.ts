// Text and tables within HTML, SVG and XML: what would be markup is written as a character
// reference, so that a sentence from a scenario or a fault stays a sentence. Pure.

export const plain = (text: string): string =>
  text
    .toWellFormed()
    .replace(unwritable, '\uFFFD')
    .replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)

/** XML 1.0 (2.2) has no way to say these, and what a guest says may hold any of them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const unwritable = /[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]/g

/**
 * Titles and cells that begin with # are of numbers; text is escaped, `{class}text` gets that
 * class. The first cell of a row names it when its title begins with =.
 */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const isNamed = titles[0]?.startsWith('=') ?? false
  const cell = (text: string, at: number) => {
    const [, marked = '', rest = text] = /^\{(\w+)\}(.*)$/s.exec(text) ?? []
    const isNumber = rest.startsWith('#')
    const classes = [marked, isNumber ? 'n' : ''].filter((one) => one !== '').join(' ')
    const css = classes ? ` class="${classes}"` : ''
    const words = plain(isNumber ? rest.slice(1) : rest)
    return isNamed && at === 0 ? `<th scope="row"${css}>${words}</th>` : `<td${css}>${words}</td>`
  }
  const head = titles.map((title) => {
    const css = title.startsWith('#') ? ' class="n"' : ''
    return `<th scope="col"${css}>${plain(title.replace(/^[#=]/, ''))}</th>`
  })
  const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')
  return `<table><thead><tr>${head.join('')}</tr></thead><tbody>${body}</tbody></table>`
}

/** What may be wider than the page, and is scrolled there; also by keys. */
export const wide = (name: string, body: string): string =>
  `<div class="wide" role="group" tabindex="0" aria-label="${plain(name)}">${body}</div>`

export const section = (title: string, body: string): string =>
  `<section><h2>${plain(title)}</h2>${body}</section>`

export const outcomeText = (isGood: boolean, text: string): string =>
  `{${isGood ? 'good' : 'bad'}}${isGood ? '✓' : '✗'} ${text}`
