// How the page is built: one folder of static files that the coordinator serves under a strict
// content policy. Run by tools/build.mjs, or by hand: npx vite build -c dashboard/vite.config.ts

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = fileURLToPath(new URL('.', import.meta.url))

export default defineConfig({
  root: here,
  base: './',
  cacheDir: `${here}/../node_modules/.vite-dashboard`,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  build: {
    outDir: `${here}/dist`,
    emptyOutDir: true,
    target: 'es2022',
    // No inline script or data: URL: the coordinator's content policy forbids both.
    modulePreload: false,
    assetsInlineLimit: 0,
  },
})
