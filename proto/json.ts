// Text that may be JSON, for a schema to judge: what is none is undefined, which no schema of ours
// takes. Who reads files or sockets of others asks here, so that nothing throws. Not here: schemas,
// YAML.

export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
