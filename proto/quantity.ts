// Numbers as people read them: thousands apart, the unit always written, never more digits than
// mean something. Bytes are counted in MB of 1,000,000 as on networks; memory is given in MiB as
// VMs are.

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** 12345.6 → `12,346`. */
export const countText = (count: number): string => grouped.format(count)

/** Three significant digits: 0.3 → `0.3`, 9.14 → `9.1`, 123.4 → `123`. */
const figure = (value: number): string =>
  value < 100 ? String(Math.round(value * 10) / 10) : countText(value)

/** From here on a figure is read as a thousand, and the next unit is due. */
const full = 999.5

/** 1,234,567 bytes → `1.2 MB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1e3 * full) return `${figure(bytes / 1e3)} kB`
  return bytes < 1e6 * full ? `${figure(bytes / 1e6)} MB` : `${figure(bytes / 1e9)} GB`
}

/** 31.4 → `31.4 ms`, 2500 → `2.5 s`. */
export const msText = (ms: number): string =>
  ms < full ? `${figure(ms)} ms` : `${figure(ms / 1000)} s`

/** 37.4 → `37 %`. */
export const percentText = (percent: number): string => `${countText(percent)} %`

/** 0.31 → `0.3 MIPS`: million instructions a second. */
export const mipsText = (mips: number): string => `${figure(mips)} MIPS`

export const mibText = (mib: number): string => `${countText(mib)} MiB`

/** A bar of `width` characters, filled to `part` (0 to 1). */
export function bar(part: number, width: number): string {
  const whole = Math.round(Math.min(1, Math.max(0, part)) * width)
  return '█'.repeat(whole) + '░'.repeat(width - whole)
}
