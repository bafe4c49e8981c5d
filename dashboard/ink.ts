// The page's own colours as they are where something stands, for what is drawn on a canvas: so that
// light and dark differ there as everywhere else. Not here: the palette (styles/page.css).

export type Ink<Name extends string> = Readonly<Record<Name, string>>

export function inkOf<Name extends string>(
  place: Element | null,
  names: readonly Name[],
): Ink<Name> {
  const probe = document.createElement('span')
  place?.append(probe)
  const style = getComputedStyle(probe)
  const entries = names.map((name) => {
    probe.style.color = `var(--${name})`
    return [name, style.color]
  })
  probe.remove()
  return Object.fromEntries(entries)
}
