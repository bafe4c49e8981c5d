// The order of names in lists: as people count, n2 before n10; else by the codes of their letters.
// Not here: what a name is (ids.ts).

export function compareNames(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  let same = 0
  while (same < shorter && a[same] === b[same]) same++
  let from = same
  while (from > 0 && isDigit(a.charCodeAt(from - 1))) from--
  const difference = numberAt(a, from) - numberAt(b, from)
  if (Number.isFinite(difference) && difference !== 0) return difference
  return a < b ? -1 : a > b ? 1 : 0
}

export const byId = (a: { readonly id: string }, b: { readonly id: string }): number =>
  compareNames(a.id, b.id)

const isDigit = (code: number): boolean => code >= 48 && code <= 57

/** NaN: no digit is there. */
function numberAt(text: string, from: number): number {
  let end = from
  while (end < text.length && isDigit(text.charCodeAt(end))) end++
  return end === from ? Number.NaN : Number(text.slice(from, end))
}
