// A broken invariant is a bug of ours. It is checked in production too, and it throws.
// What comes from the network must never reach one: that is checked by schemas and becomes a fault.

export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}
