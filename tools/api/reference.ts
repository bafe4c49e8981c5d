// docs/api.md: every route of the HTTP API with what it takes, gives, and who may ask; every schema
// with its fields and what the source says of each. Made from the OpenAPI document that the
// coordinator serves, from the zod schemas of proto/, and from the guards' table. Pure. Not here:
// where these come from (main.ts).

/** The part of a JSON schema that is told. */
export interface JsonSchema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly pattern?: string
}

export interface Route {
  readonly method: string
  readonly path: string
  readonly what: string
  /** An action of proto/accounts.ts, or `open`. */
  readonly action: string
  readonly status: string
  readonly takes: JsonSchema | undefined
  readonly gives: JsonSchema | undefined
}

export interface NamedSchema {
  readonly name: string
  /** What the source says of it. */
  readonly about: string
  readonly schema: JsonSchema
  /** As it is taken: what has a default may be absent. */
  readonly input: JsonSchema
  /** Field → what the source says of it. */
  readonly fields: ReadonlyMap<string, string>
}

export class Reference {
  readonly #routes: readonly Route[]
  readonly #actions: ReadonlyMap<string, string>
  readonly #schemas: readonly NamedSchema[]
  readonly #names: ReadonlyMap<string, string>

  /**
   * @param actions who may, in words
   * @param schemas in the order in which they are told; of two alike the first is meant
   */
  constructor(
    routes: readonly Route[],
    actions: ReadonlyMap<string, string>,
    schemas: readonly NamedSchema[],
  ) {
    this.#routes = routes
    this.#actions = actions
    this.#schemas = schemas
    const pairs = schemas
      .filter(({ schema }) => isTelling(schema))
      .flatMap(({ name, schema, input }) =>
        [schema, input].map((one) => [keyOf(one), name] as const),
      )
    this.#names = new Map(pairs.reverse())
  }

  /** Routes by what they are about, then the schemas that they lead to. */
  get text(): string {
    const groups = Map.groupBy(this.#routes, ({ path }) => groupOf(path.split('/')[2] ?? ''))
    const told = this.#schemas
      .filter(({ name }) => this.#reached.has(name))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    return [
      ...[...groups].map(([group, routes]) => this.#group(group, routes)),
      `## Who may\n\n${this.#actionTable()}`,
      `## Schemas\n\n${told.map((schema) => this.#section(schema)).join('\n\n')}`,
    ].join('\n\n')
  }

  /** Schemas that routes name, and those that these name. */
  get #reached(): ReadonlySet<string> {
    const reached = new Set<string>()
    const visit = (schema: JsonSchema | undefined, isTop = false) => {
      if (!schema) return
      const name = isTop ? undefined : this.#names.get(keyOf(schema))
      if (name !== undefined) {
        if (reached.has(name)) return
        reached.add(name)
      }
      for (const part of partsOf(schema)) visit(part)
    }
    for (const { takes, gives } of this.#routes) for (const one of [takes, gives]) visit(one)
    for (const schema of this.#schemas) if (reached.has(schema.name)) visit(schema.schema, true)
    return reached
  }

  #group(group: string, routes: readonly Route[]): string {
    const rows = routes.map(({ method, path, what, action, status, takes, gives }) => [
      ...[`\`${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}\``, what, this.#type(takes)],
      ...[`${status} ${this.#type(gives)}`.trim(), action],
    ])
    const titles = ['route', 'what', 'takes', 'gives', 'needs']
    return `## ${group}\n\n${markdownTable(titles, rows)}`
  }

  #actionTable(): string {
    return markdownTable(['needs', 'who'], [...this.#actions])
  }

  #section({ name, about, schema, fields }: NamedSchema): string {
    const { properties, required = [] } = schema
    const words = about === '' ? '' : `\n\n${about}`
    if (!properties) return `### ${name}${words}\n\n${this.#type(schema, true)}`
    const rows = Object.entries(properties).map(([field, type]) => {
      const may = required.includes(field) ? '' : '?'
      const words = (fields.get(field) ?? '').replaceAll('|', '\\|')
      return [`\`${field}${may}\``, this.#type(type), words]
    })
    return `### ${name}${words}\n\n${markdownTable(['field', 'type', ''], rows)}`
  }

  #type(schema: JsonSchema | undefined, isTop = false): string {
    if (!schema) return ''
    const name = isTop ? undefined : this.#names.get(keyOf(schema))
    if (name) return `[${name}](#${name.toLowerCase()})`
    const { items, properties, additionalProperties: values } = schema
    const choices = schema.enum ?? (schema.const === undefined ? undefined : [schema.const])
    if (choices) return choicesText(choices, schema.default)
    const either = schema.anyOf ?? schema.oneOf
    if (either) return either.map((one) => this.#type(one)).join(' or ')
    if (items) return `list of ${this.#type(items)}`
    if (properties) return this.#inline(schema)
    if (typeof values === 'object') return `name → ${this.#type(values)}`
    return plainType(schema)
  }

  /** A small object that has no name. */
  #inline({ properties = {}, required = [] }: JsonSchema): string {
    const fields = Object.entries(properties).map(([field, type]) => {
      const may = required.includes(field) ? '' : '?'
      return `\`${field}${may}\`: ${this.#type(type)}`
    })
    return `{ ${fields.join(', ')} }`
  }
}

const groupTitles: Readonly<Record<string, string>> = {
  ...{ vms: 'VMs', ha: 'High availability', rules: 'High availability', power: 'Power' },
  ...{ cluster: 'The whole cluster', events: 'The whole cluster', rebalance: 'The whole cluster' },
  ...{ login: 'Accounts', logout: 'Accounts', me: 'Accounts', 'share-session': 'Accounts' },
  ...{ grants: 'Accounts', tokens: 'Accounts', laboratory: 'Nodes' },
}

const groupOf = (part: string): string =>
  groupTitles[part] ?? `${part[0]?.toUpperCase()}${part.slice(1)}`

/** Text or a number alone could be anything. */
const isTelling = ({ properties, enum: choices, anyOf, oneOf, pattern }: JsonSchema): boolean =>
  [properties, choices, anyOf, oneOf, pattern].some((one) => one !== undefined)

const choicesText = (choices: readonly unknown[], standard: unknown): string => {
  const text = choices.map((one) => `\`${JSON.stringify(one)}\``).join(' or ')
  return standard === undefined ? text : `${text} (${JSON.stringify(standard)})`
}

const partsOf = (schema: JsonSchema): JsonSchema[] => [
  ...(schema.anyOf ?? []),
  ...(schema.oneOf ?? []),
  ...(schema.allOf ?? []),
  ...Object.values(schema.properties ?? {}),
  ...(schema.items ? [schema.items] : []),
  ...(typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : []),
]

/** A limit that is the largest safe number is none. */
const isLimit = (value: number | undefined): value is number =>
  value !== undefined && Math.abs(value) < Number.MAX_SAFE_INTEGER

/** The same pattern, in which nobody sees the end of a cell or a link. */
const inTable = (pattern: string): string =>
  pattern.replaceAll('|', '\\|').replaceAll('](', ']{1}(')

const kindWords: Readonly<Record<string, string>> = {
  ...{ integer: 'whole number', string: 'text', boolean: 'yes or no' },
}

function plainType({ type, minimum, maximum, maxLength, pattern, default: standard }: JsonSchema) {
  // Of several kinds: `boolean` and `null`.
  const kinds = type === undefined ? [] : [type].flat()
  const word = kinds.map((kind) => kindWords[kind] ?? kind).join(' or ') || 'anything'
  const limits = [
    ...(isLimit(minimum) ? [`from ${minimum}`] : []),
    ...(isLimit(maximum) ? [`to ${maximum}`] : []),
    ...(maxLength === undefined ? [] : [`of ${maxLength} at most`]),
    ...(pattern === undefined ? [] : [`like \`${inTable(pattern)}\``]),
    ...(standard === undefined ? [] : [`(${JSON.stringify(standard)})`]),
  ]
  return [word, ...limits].join(' ')
}

/** Alike whatever the order of their keys, and whatever is only said of them. */
export function keyOf(schema: JsonSchema): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted)
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).filter(([key]) => !dropped.includes(key))
    return Object.fromEntries(
      entries
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, one]) =>
          key === 'const' ? ['enum', [one]] : [key === 'oneOf' ? 'anyOf' : key, sorted(one)],
        ),
    )
  }
  return JSON.stringify(sorted(schema))
}
const dropped = ['description', '$schema', '~standard']

function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((one) => one.trim()).join(' | ')} |`
  return [line(titles), `|${'---|'.repeat(titles.length)}`, ...rows.map(line)].join('\n')
}
