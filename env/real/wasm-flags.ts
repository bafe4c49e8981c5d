// What this process's V8 is asked for beyond its defaults, for translated guest code. Not what
// Node is started with: that stands where processes are launched.
// Source: the WebAssembly proposal "branch hinting"; V8's flags of that name.

import { setFlagsFromString } from 'node:v8'

/**
 * Branch hints are honoured: the translator marks what hardly ever happens (a miss in the TLB), and
 * such code then lies out of the way of the rest. 10 to 20 % in loops full of loads and stores. To
 * be called before the first guest runs; V8 knows the proposal, but reads hints only when asked to.
 */
export function honourBranchHints(): void {
  setFlagsFromString('--experimental-wasm-branch-hinting')
}
