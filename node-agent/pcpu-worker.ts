// A pCPU's thread starts here: in one piece where it was bundled, else from its sources.
// Not here: what it does (pcpu-thread.ts), whether the bundle counts (env/real/program.ts).

import { programFile } from '#env/real/program.ts'

await import(programFile(new URL('./pcpu-thread.ts', import.meta.url)).href)
