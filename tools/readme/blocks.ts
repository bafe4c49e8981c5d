// The made parts of a document: what stands between `<!-- made: NAME -->` and `<!-- end -->`. They
// are found, compared, and written anew. Pure. Not here: what they are made of (transcripts.ts).

const pattern = /<!-- made: ([\w-]+) -->\n([\s\S]*?)<!-- end -->/g

/** Name → what stands there now. */
export const blocksOf = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(pattern)].map(([, name = '', body = '']) => [name, body]))

/** Those without a new body stay as they are. */
export const withBlocks = (text: string, made: ReadonlyMap<string, string>): string =>
  text.replace(pattern, (whole, name: string) => {
    const body = made.get(name)
    return body === undefined ? whole : `<!-- made: ${name} -->\n${body}<!-- end -->`
  })

/** What a terminal shows. */
export const shellBlock = (lines: readonly string[]): string =>
  ['```', ...lines.map((line) => line.trimEnd()), '```', ''].join('\n')

/**
 * What of an output stays when only numbers change: its words in their order. How many digits a
 * number has moves columns, so spaces count for nothing; nor do a bar and a unit.
 */
export const wordsOfOutput = (text: string): string =>
  text
    .replace(/\b[0-9a-f]{16,32}\b/g, '#')
    .replace(/[\d][\d,.:TZ-]*/g, '#')
    .replace(/# (B|kB|MB|GB|KiB|MiB|ms|s)\b/g, '#')
    .replace(/[░▒▓█│·]+/g, ' ')
    .replace(/\s+/g, ' ')
