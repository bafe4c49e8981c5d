// Which known name did the writer mean? For error messages only.
// Optimal string alignment distance: insert, delete, replace, swap neighbours, one each.

/**
 * The known name nearest to `written`, if it is near enough to be meant: one letter for another
 * says nothing where there is but one.
 */
export function nearestName(written: string, known: readonly string[]): string | undefined {
  const far = Math.min(written.length - 1, Math.max(1, Math.floor(written.length / 3)))
  const ranked = known
    .map((name) => ({ name, distance: editDistance(written.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance }) => distance <= far)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
  return ranked[0]?.name
}

/** `; did you mean `x`?` or, when nothing is near, `; known: a, b, c`. */
export function suggestion(written: string, known: readonly string[]): string {
  const near = nearestName(written, known)
  if (near !== undefined) return `; did you mean \`${near}\`?`
  if (known.length === 0) return ''
  return known.length <= 24 ? `; known: ${known.join(', ')}` : ''
}

export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(at(row, j) + 1, at(next, j - 1) + 1, at(row, j - 1) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) least = Math.min(least, at(before, j - 2) + 1)
      next.push(least)
    }
    before = row
    row = next
  }
  return at(row, b.length)
}

const at = (row: readonly number[], index: number): number => row[index] ?? Infinity
