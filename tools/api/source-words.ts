// What the source says of a schema and of its fields: the comment that stands before it. Read line
// by line, for the schemas of proto/ are written one field a line. Pure. Not here: which schemas
// there are (main.ts).

export interface Said {
  readonly about: string
  readonly fields: ReadonlyMap<string, string>
}

/** Exported schema → its words. */
export function wordsOf(source: string): Map<string, Said> {
  const found = new Map<string, Said>()
  let comment = ''
  let isOpen = false
  let fields = new Map<string, string>()
  for (const line of source.split('\n')) {
    const text = line.trim()
    if (isOpen || text.startsWith('/**')) {
      comment = isOpen ? `${comment} ${bare(text)}` : bare(text)
      isOpen = !text.endsWith('*/')
      continue
    }
    const [, name] = /^export const (\w+) = /.exec(line) ?? []
    const [, field] = /^ {2}(\w+):/.exec(line) ?? []
    if (name) {
      fields = new Map()
      found.set(name, { about: comment.trim(), fields })
    } else if (field) fields.set(field, `${comment} ${behind(text)}`.trim())
    comment = ''
  }
  return found
}

const bare = (text: string): string =>
  text
    .replace(/^\/\*\*\s?/, '')
    .replace(/\s?\*\/$/, '')
    .replace(/^\*\s?/, '')
    .trim()

/** A remark at the end of a line. */
const behind = (text: string): string => /\/\/ (.*)$/.exec(text)?.[1] ?? ''
