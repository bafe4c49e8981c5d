// core.wasm as JavaScript sees it: what it exports, how it is compiled and put on a VM's memory.
// The file is made by tools/build.mjs from core/. A shell reads its bytes from `coreWasmUrl`; the
// engine does no I/O. Guest words are BigInt, counts and addresses are numbers, bytes.

import { invariant } from '#proto/invariant.ts'

/** Where the built core lies, for the shell that reads it. */
export const coreWasmUrl = new URL('./core.wasm', import.meta.url)

/** Exported functions of core/index.ts. Booleans are 0 and 1. */
export interface CoreExports {
  memoryBytes(ramBytes: number): number
  format(ramBytes: number): number

  configure(clock: number, sbiExits: number, threshold: number): void
  reset(pc: bigint, a0: bigint, a1: bigint, mode: number): void
  run(budget: number): number
  requestExit(): void
  readPc(): bigint
  readX(index: number): bigint
  writeX(index: number, value: bigint): void
  retired(): number
  ticks(): number
  skipTo(ticks: number): void
  alarm(): number
  setAlarm(ticks: bigint): void
  setExternalInterrupt(level: number): void
  setMachineExternalInterrupt(level: number): void
  setSoftwareInterrupt(level: number): void
  absentGpa(): number
  setPresent(page: number, present: number): number
  reachForDevice(gpa: number, length: number, writes: number): number
  afterRestore(): number

  slowLoad(va: bigint, bytes: number, left: number): number
  slowStore(va: bigint, value: bigint, bytes: number, left: number): number
  executeAtomic(word: number, raw: number): number
  executeSystem(raw: number): number
  executeFloat(raw: number): number
  multiplyHigh(a: bigint, b: bigint): bigint
  multiplyHighMixed(a: bigint, b: bigint): bigint
  multiplyHighUnsigned(a: bigint, b: bigint): bigint
  orCombineBytes(value: bigint): bigint
  reverseBytes(value: bigint): bigint
  fuseDoubles(a: number, b: number, c: number): number
  fuseSingles(a: number, b: number, c: number): number
  codeAddress(va: bigint): number
  codeBlock(host: number): number
  noteBlock(host: number): void
  decodeWord(raw: number): bigint
  banksNow(): number
  addRegion(pages: number): number
  setRegionPage(region: number, index: number, offset: number, host: number): void
  addEntryPoint(region: number, host: number, index: number, entryPoint: number): void
  removeEntryPoint(region: number, host: number): void
  removeRegion(region: number): void

  releasePages(gpa: number, bytes: number): number
  endRelease(): void

  freeze(): void
  thaw(): void

  openLog(): number
  takeLog(log: number): number
  clearLog(log: number): void
  closeLog(log: number): number

  collectPages(count: number): number
  noteStored(count: number): void
  noteCopies(count: number): void
  noteBrought(count: number, zero: number): number
  zeroPages(count: number): void
  trackedHash(): bigint
  fullHash(): bigint
  hashStaged(hash: bigint, length: number): bigint
  touchedPages(): number
  claimPages(first: number, count: number): void
  trackedTable(): number
  touchedTable(): number
  absentTable(): number
  dirtyTable(): number
  frozenTable(): number
  logTable(): number
  blockPool(): number
}

/** Exported constants of core/index.ts: addresses in linear memory, and sizes. */
export interface CorePlaces {
  readonly hartBytes: number
  readonly valueAddress: number
  readonly ramAddress: number
  readonly stagePagesMax: number
  readonly copiesAddress: number
  readonly askedAddress: number
  readonly filledAddress: number
  readonly zeroAddress: number
  readonly xAddress: number
  readonly fAddress: number
  readonly pcAddress: number
  readonly mstatusAddress: number
  readonly floatDirty: number
  readonly fcsrAddress: number
  readonly fcsrFastMask: number
  readonly fcsrFast: number
  readonly leftAddress: number
  readonly graceAddress: number
  readonly outcomeAddress: number
  readonly contextAddress: number
  readonly jumpsAddress: number
  readonly jumpEntries: number
  readonly jumpEntryBytes: number
  readonly jumpIndex: number
  readonly jumpEntryPoint: number
  readonly tlbAddress: number
  readonly tlbEntries: number
  readonly tlbEntryBytes: number
  readonly tlbBankBytes: number
  readonly tlbRead: number
  readonly tlbWrite: number
  readonly tlbPayload: number
  readonly sitesAddress: number
  readonly siteCount: number
  readonly siteBankBytes: number
  readonly siteRead: number
  readonly siteWrite: number
  readonly regionsMax: number
  readonly regionPagesMax: number
}

/** What the core asks of the translator; see core/hooks.ts. */
export interface TranslationHooks {
  translate(pc: bigint): void
  codeChanged(page: number): void
  allCodeChanged(): void
}

/** What the core asks for while it runs; see core/hooks.ts. */
export interface CoreImports extends TranslationHooks {
  mmioRead(gpa: number, size: number): number
  mmioWrite(gpa: number, size: number): number
  timeTicks(): number
  preserve(page: number, touched: number): void
}

/**
 * The core on one memory, in one thread. It keeps nothing outside that memory, but for the table of
 * translated functions.
 */
export interface CoreInstance {
  readonly call: CoreExports
  readonly at: CorePlaces
  readonly table: WebAssembly.Table
}

export function instantiateCore(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  hooks: CoreImports,
): CoreInstance {
  const table = new WebAssembly.Table({ initial: 1, element: 'anyfunc' })
  const imports = { env: { memory, table }, hooks: { ...hooks } }
  const { exports } = new WebAssembly.Instance(module, imports)
  return { call: callsOf(exports as unknown as CoreExports), at: readPlaces(exports), table }
}

/**
 * An address that the core answers comes as a number with a sign: in a VM with 2 GiB of RAM those
 * of its end, and of the tables behind it, would be negative.
 */
function callsOf(core: CoreExports): CoreExports {
  return {
    ...core,
    reachForDevice: (gpa, length, writes) => core.reachForDevice(gpa, length, writes) >>> 0,
    takeLog: (log) => core.takeLog(log) >>> 0,
    trackedTable: () => core.trackedTable() >>> 0,
    touchedTable: () => core.touchedTable() >>> 0,
    absentTable: () => core.absentTable() >>> 0,
    dirtyTable: () => core.dirtyTable() >>> 0,
    frozenTable: () => core.frozenTable() >>> 0,
    logTable: () => core.logTable() >>> 0,
    blockPool: () => core.blockPool() >>> 0,
  }
}

/** For a thread that runs no hart: whoever calls a hook there has a bug. */
export const noHooks: CoreImports = {
  mmioRead: unhooked,
  mmioWrite: unhooked,
  timeTicks: unhooked,
  preserve: unhooked,
  translate: unhooked,
  codeChanged: unhooked,
  allCodeChanged: unhooked,
}

function unhooked(): never {
  invariant(false, 'Only the thread of the pCPU runs the hart')
}

const wasmPageBytes = 65536
/** How much memory a VM takes, the core knows itself: one of each module is kept to be asked. */
const askedCores = new WeakMap<WebAssembly.Module, CoreInstance>()

/** To be asked it needs any memory. */
function asked(module: WebAssembly.Module): CoreInstance {
  const known = askedCores.get(module)
  if (known) return known
  const any = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
  const core = instantiateCore(module, any, noHooks)
  askedCores.set(module, core)
  return core
}

/**
 * RAM and all that the core keeps beside it, zeroed and shared. Throws RangeError when there is no
 * room.
 */
export function createVmMemory(module: WebAssembly.Module, ramBytes: number): WebAssembly.Memory {
  const pages = Math.ceil(asked(module).call.memoryBytes(ramBytes) / wasmPageBytes)
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
}

const placeNames = [
  ...['hartBytes', 'valueAddress', 'ramAddress', 'stagePagesMax', 'copiesAddress'],
  ...['askedAddress', 'filledAddress', 'zeroAddress'],
  ...['xAddress', 'fAddress', 'pcAddress', 'mstatusAddress'],
  ...[
    'floatDirty',
    'fcsrAddress',
    'fcsrFastMask',
    'fcsrFast',
    'leftAddress',
    'graceAddress',
    'outcomeAddress',
    'contextAddress',
  ],
  ...['jumpsAddress', 'jumpEntries', 'jumpEntryBytes', 'jumpIndex'],
  ...['jumpEntryPoint', 'tlbAddress', 'tlbEntries', 'tlbEntryBytes'],
  ...['tlbBankBytes', 'tlbRead', 'tlbWrite', 'tlbPayload'],
  ...['sitesAddress', 'siteCount', 'siteBankBytes', 'siteRead', 'siteWrite'],
  ...['regionsMax', 'regionPagesMax'],
] as (keyof CorePlaces)[]

function readPlaces(exports: WebAssembly.Exports): CorePlaces {
  const place = (name: keyof CorePlaces) => Number((exports[name] as WebAssembly.Global).value)
  return Object.fromEntries(placeNames.map((name) => [name, place(name)])) as unknown as CorePlaces
}
