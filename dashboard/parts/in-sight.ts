// Tells whether a card is in sight, to all that stand on it: one observer for the page, however
// much there is on it. A little before it is seen counts as seen. Pixels.

const aheadPx = 200

type Listener = (isSeen: boolean) => void
interface Watched {
  readonly listeners: Set<Listener>
  isSeen: boolean
}
const cards = new Map<Element, Watched>()

let observer: IntersectionObserver | undefined

function look(entries: readonly IntersectionObserverEntry[]): void {
  for (const { target, isIntersecting } of entries) {
    const card = cards.get(target)
    if (!card || card.isSeen === isIntersecting) continue
    card.isSeen = isIntersecting
    for (const tell of card.listeners) tell(isIntersecting)
  }
}

/** Of the card on which the element stands. @returns what ends it */
export function observe(element: Element, tell: Listener): () => void {
  const place = element.closest('.card') ?? element
  observer ??= new IntersectionObserver(look, { rootMargin: `${aheadPx}px` })
  const card = cards.get(place) ?? { listeners: new Set(), isSeen: true }
  if (card.listeners.size === 0) {
    cards.set(place, card)
    observer.observe(place)
  }
  card.listeners.add(tell)
  if (!card.isSeen) tell(false)
  return () => {
    card.listeners.delete(tell)
    if (card.listeners.size > 0) return
    cards.delete(place)
    observer?.unobserve(place)
  }
}
