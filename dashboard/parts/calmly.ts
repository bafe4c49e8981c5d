// Draws what can wait a moment, a little in each frame: of a thousand loads that change at once
// some show some frames later, and no frame is late. Not here: what is drawn. Times in ms.

/** Of the 16 that a frame has; the browser lays out and paints in the others. */
const budgetMs = 3

const waiting = new Set<() => void>()
let isArmed = false

/** Once in one of the next frames, however often it is asked for. */
export function calmly(draw: () => void): void {
  waiting.add(draw)
  if (isArmed) return
  isArmed = true
  requestAnimationFrame(frame)
}

/** It is not wanted any more. */
export function never(draw: () => void): void {
  waiting.delete(draw)
}

function frame(): void {
  const endMs = performance.now() + budgetMs
  for (const draw of waiting) {
    waiting.delete(draw)
    draw()
    if (performance.now() > endMs) break
  }
  isArmed = waiting.size > 0
  if (isArmed) requestAnimationFrame(frame)
}
