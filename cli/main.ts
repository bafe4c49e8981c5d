// `godwit` starts here: in one piece where it was bundled, else from its sources.
// Not here: what it does (process.ts), whether the bundle counts (env/real/program.ts).

import { programFile } from '#env/real/program.ts'

await import(programFile(new URL('./process.ts', import.meta.url)).href)
