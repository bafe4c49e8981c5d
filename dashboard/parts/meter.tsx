// A bar with its words: how much of something is used.
// Not here: the numbers. `part` is 0 to 1.

interface MeterProps {
  readonly name: string
  /** 0 to 1; more is shown as full. */
  readonly part: number
  readonly text: string
}

export function Meter({ name, part, text }: MeterProps) {
  return (
    <div class="meter">
      <span class="name">{name}</span>
      <Bar part={part} label={`${name}: ${text}`} />
      <span class="text" aria-hidden="true">
        {text}
      </span>
    </div>
  )
}

export function Bar({ part, label }: { part: number; label: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, part)) * 100)
  return (
    <span
      class={`bar ${percent > 90 ? 'full' : ''}`}
      role="img"
      aria-label={label}
      style={{ '--part': `${percent}%` }}
    />
  )
}
