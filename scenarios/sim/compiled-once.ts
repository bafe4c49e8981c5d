// Guest code that became WebAssembly (engine/translator/), compiled once for all simulated nodes of
// this process: guests of a search run the same image, and make the same regions of it, in one
// world after the other. What is shared is code alone: each hart has an instance of its own. The
// oldest go first. Not here: what is made. Bytes.

/** Of a few kilobytes each. */
const modulesMax = 1024

const modules = new Map<string, WebAssembly.Module>()
const latin1 = new TextDecoder('latin1')

export function compiledOnce(bytes: Uint8Array): WebAssembly.Module {
  // Every byte is a character of its own there, and none is refused.
  const name = latin1.decode(bytes)
  const known = modules.get(name)
  if (known) return known
  const made = new WebAssembly.Module(bytes)
  const [oldest] = modules.keys()
  if (oldest !== undefined && modules.size >= modulesMax) modules.delete(oldest)
  modules.set(name, made)
  return made
}
