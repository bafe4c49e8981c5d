// Where everything lies in a VM's linear memory: the core's own words, the TLBs, a staging area,
// guest RAM, and behind RAM the tables with one entry a page. The guest can reach RAM alone.
// AssemblyScript, as all of this folder; not TypeScript. Addresses and sizes in bytes, guest words
// are u64.
//
//   0x000000  Hart      all of the hart that a snapshot holds
//   0x000400  Vm        words that both threads read, and the scratch of the running thread
//   0x001000  Filled    which TLB entries there may be
//   0x003000  Sites     what single loads and stores of translated loops found in the TLB last
//   0x010000  Tlb       4 banks x (read, write, execute) x 1,024 entries of 16 bytes
//   0x040000  Stage     page copies and page lists of the agent's thread
//   0x150000  Jumps     jump cache of translated code
//   0x170000  Regions   which code has been translated, see regions.ts
//   0x200000  ram       guest RAM
//   ...       tables    see pages.ts
//   ...       blocks    decoded instructions and their counters, see decoded-pages.ts

/** A page: 4,096 bytes; shift and mask of an address inside it. */
export const enum Page { shift = 12, bytes = 4096, mask = 4095 }

/** Guest RAM begins here in linear memory... */
export const ram: usize = 0x200000
/** ...and here for the guest, as on QEMU's `virt` and most RISC-V boards. */
export const ramGpa: u64 = 0x80000000

/**
 * The hart: its snapshot is these bytes as they are, so a change here is a new snapshot version.
 */
export const enum Hart {
  /** x0 to x31. */
  x = 0,
  /** Takes what is written to x0. */
  sink = 0x100,
  pc = 0x108,
  /** A Mode. */
  mode = 0x110,
  /** Instructions retired since reset. */
  retired = 0x118,
  /** Ticks by which `skipTo` has moved instruction-count time. */
  timeOffset = 0x120,
  /** GPA that LR reserved; `none` when there is no reservation. */
  reservation = 0x128,
  mstatus = 0x130,
  medeleg = 0x138,
  mideleg = 0x140,
  mie = 0x148,
  /**
   * The bits of mip that software sets; what devices and timers drive is in `lines` and computed.
   */
  mip = 0x150,
  mtvec = 0x158,
  mscratch = 0x160,
  mepc = 0x168,
  mcause = 0x170,
  mtval = 0x178,
  mcounteren = 0x180,
  menvcfg = 0x188,
  stvec = 0x190,
  sscratch = 0x198,
  sepc = 0x1a0,
  scause = 0x1a8,
  stval = 0x1b0,
  scounteren = 0x1b8,
  senvcfg = 0x1c0,
  satp = 0x1c8,
  stimecmp = 0x1d0,
  /** The machine timer's alarm (of a CLINT; no CSR). */
  mtimecmp = 0x1d8,
  /** Interrupt bits that devices hold up, in mip's places. */
  lines = 0x1e0,
  /** What a write to mcycle and minstret added to the count of retired instructions. */
  cycleOffset = 0x1e8,
  instretOffset = 0x1f0,
  /** fflags in bits 0 to 4, frm in bits 5 to 7. */
  fcsr = 0x1f8,
  /** f0 to f31. */
  f = 0x200,
  /** A byte for each of 16 entries, and their addresses (pmp.ts). */
  pmpcfg = 0x300,
  pmpaddr = 0x310,
  end = 0x390,
}

/** What derives time: the hooks, or the count of retired instructions. */
export const enum ClockKind { real = 0, instructions = 1 }

/** No reservation, no alarm, no address. */
export const none: u64 = 0xffffffffffffffff

/** Words beside the hart. The first group is set once; the rest means nothing between two runs. */
export const enum Vm {
  // Set by format(); read by both threads.
  ramBytes = 0x400,
  pageCount = 0x404,
  trackedTable = 0x408,
  blockTable = 0x40c,
  dirtyTable = 0x410,
  touchedTable = 0x414,
  absentTable = 0x418,
  logTable = 0x41c,
  blockPool = 0x420,
  /** Bit n: dirty log n is open. */
  openLogs = 0x424,
  /** Pages ever written. Both threads add to it, atomically. */
  touchedPages = 0x428,
  /** A ClockKind. */
  clock = 0x42c,
  /** 1: an ecall from S-mode leaves the run loop. */
  sbiExits = 0x430,

  // Scratch of the thread that runs the hart.
  /** Why the instruction could not be done: cause and value for the trap registers. */
  trapCause = 0x440,
  trapValue = 0x448,
  /** GPA of the page that is not there; `none`. */
  absentGpa = 0x450,
  /**
   * Where a translation led to, as a guest physical and as a host address (0: no RAM, a device).
   */
  gpa = 0x458,
  host = 0x460,
  /** A loaded or CSR value on its way, also to and from the hooks. */
  value = 0x468,
  /** The present slice: its length in instructions, and how many are left. */
  slice = 0x470,
  left = 0x474,
  exitRequested = 0x478,
  /** Free list and high-water mark of decoded pages. */
  freeBlock = 0x47c,
  nextBlock = 0x480,
  /** Pages written after they were decoded. */
  staleCount = 0x484,
  /** The range of addresses with TLB entries made from superpages. */
  superpageLow = 0x488,
  superpageHigh = 0x490,
  /** What a fetch found: the decoded page, the place in it, and the decoded instruction. */
  block = 0x498,
  slot = 0x49c,
  entry = 0x4a0,
  /** An entry that is never decoded: the interpreter's way to say "go on at Hart.pc". */
  elsewhere = 0x4a8,
  /** The same for "look whether the code at Hart.pc is translated". */
  entering = 0x4b0,
  /** Jumps to a place before it is translated; 0: nothing is. */
  threshold = 0x4b8,
  /** How the region that ran last came to its end: an Outcome. */
  outcome = 0x4bc,
  /** What a jump cache entry is valid for: see jumps.ts. */
  context = 0x4c0,
  /** A pc that has become hot and was not yet offered to the translator; `none`. */
  hotPc = 0x4c8,
  /** Counts what invalidates the jump cache. */
  generation = 0x4d0,
  /** By page: whether regions have code of it (u8). */
  translatedTable = 0x4d4,
  /** Regions whose place is free again, and high-water mark. */
  freeRegion = 0x4d8,
  nextRegion = 0x4dc,
  /** The block that is evicted next. */
  oldestBlock = 0x4e0,
  /** By how much translated code may overrun the slice, to end it where it can be entered again. */
  grace = 0x4e4,
  /** By page: whether its content belongs to a fork image too (u8). */
  frozenTable = 0x4e8,
  /** Bit n: bank n of the TLB has had an entry. What never had one is not touched. */
  banksUsed = 0x4ec,
  /** 1: the jump cache has had an entry since it was emptied. */
  jumpsUsed = 0x4f0,
  /** 1: an entry of PMP ends within a page (pmp.ts). */
  protectionCuts = 0x4f4,
  /** The virtual address of the page that `block` was found for. */
  page = 0x4f8,
  /** Page indices of the first `staleMax` stale pages. */
  stale = 0x500,
}
export const staleMax: u32 = 128

/**
 * A TLB entry: u64 tag (virtual page address; -1 when empty, or 0 as memory begins: that is the
 * address of page 0, which only the first entry of a table can have), u32 payload, u32 payload.
 * Read and write entries: host address minus virtual address. Execute entries: decoded page, host
 * page. A bank holds three tables, one a kind of access, and belongs to one way of translating: see
 * Bank.
 */
export const enum Tlb {
  base = 0x10000,
  entries = 1024,
  entryBytes = 16,
  tableBytes = 0x4000,
  bankBytes = 0xc000,
  banks = 4,
  read = 0,
  write = 0x4000,
  execute = 0x8000,
  payload = 8,
  host = 12,
}

/**
 * Addresses (u32) of the TLB entries that were made since all were dropped, M-mode's apart; past
 * `max` they are only counted. Dropping 1,024 by list costs as much as half of a fill of the banks.
 */
export const enum Filled { count = 0x1000, list = 0x1004, max = 1024 }

/**
 * For each bank two tables, of 32 entries like the TLB's: the page that a load or store in a loop
 * of translated code met last. Whatever is in one is in the TLB too: an entry there that goes, or
 * makes room for another, empties the table. So nothing can tell where an access looked.
 */
export const enum Sites {
  base = 0x3000,
  count = 32,
  entryBytes = 16,
  tableBytes = 0x200,
  bankBytes = 0x400,
  read = 0,
  write = 0x200,
}

/** The agent's page work: up to `pagesMax` page copies, then lists of page indices (u32). */
export const enum Stage {
  pagesMax = 256,
  copies = 0x40000,
  asked = 0x140000,
  filled = 0x140400,
  zero = 0x140800,
}

/**
 * A jump cache entry: u64 pc mixed with Vm.context (0: empty), u32 index in the table of regions'
 * functions, u32 entry point: what the function is called with.
 */
export const enum Jumps {
  base = 0x150000,
  entries = 8192,
  entryBytes = 16,
  index = 8,
  entryPoint = 12,
}

/** See regions.ts. */
export const enum Regions {
  /** A hash table of entry points: u32 host address (0: free), function, entry point, region. */
  entryPoints = 0x170000,
  entryPointsMax = 16384,
  entryPointBytes = 16,
  /**
   * The regions themselves: u32 banks, u32 number of pages, then i32 offset and u32 host address
   * of each.
   */
  regions = 0x1b0000,
  regionBytes = 64,
  regionsMax = 4096,
  pagesMax = 7,
}
