// A deep copy of plain data (objects, lists, words, numbers), as records are: a sixth of what
// structuredClone takes, and every step that changes anything pays for it. What is not plain is
// left to structuredClone, so that the copy is the same either way. Pure.

/** @param but what the copy is to be without, of what is plain; parts of it are copied whole */
export function plainCopy<T>(value: T, but?: string): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((one) => plainCopy(one)) as T
  if (Object.getPrototypeOf(value) !== Object.prototype) return structuredClone(value)
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    // To set that one would do something else.
    if (key === '__proto__') return structuredClone(value)
    if (key === but) continue
    const part = (value as Record<string, unknown>)[key]
    copy[key] = typeof part === 'object' ? plainCopy(part) : part
  }
  return copy as T
}
