// The numbers of the privileged architecture (RISC-V Instruction Set Manual, volume II, version
// 20241101): modes, causes, interrupt bits, fields of mstatus, CSR addresses. Names as in the
// manual.

export const enum Mode { user = 0, supervisor = 1, machine = 3 }

/** Exceptions, table "mcause". */
export const enum Cause {
  fetchAccess = 1,
  illegal = 2,
  breakpoint = 3,
  loadMisaligned = 4,
  loadAccess = 5,
  storeMisaligned = 6,
  storeAccess = 7,
  ecallFromUser = 8,
  ecallFromSupervisor = 9,
  ecallFromMachine = 11,
  fetchPage = 12,
  loadPage = 13,
  storePage = 15,
}
export const interruptCause: u64 = 0x8000000000000000

/** Bits of mip, mie, mideleg; the bit's number is the interrupt's cause. */
export const enum Interrupt {
  ssip = 0x002,
  msip = 0x008,
  stip = 0x020,
  mtip = 0x080,
  seip = 0x200,
  meip = 0x800,
  all = 0xaaa,
  supervisor = 0x222,
}

/** Fields of mstatus that this hart has. VS and XS are read-only 0; SD is computed. */
export const enum Status {
  sie = 0x2,
  mie = 0x8,
  spie = 0x20,
  mpie = 0x80,
  spp = 0x100,
  mpp = 0x1800,
  mppShift = 11,
  /** Off, initial, clean, dirty. */
  fs = 0x6000,
  mprv = 0x20000,
  sum = 0x40000,
  mxr = 0x80000,
  tvm = 0x100000,
  tw = 0x200000,
  tsr = 0x400000,
  /** What sstatus shows and changes. */
  supervisor = 0xc6122,
  /** What mstatus lets be written, MPP apart. */
  writable = 0x7e61aa,
}
/** SD: FS is dirty. */
export const statusDirty: u64 = 0x8000000000000000
/** UXL and SXL: 64-bit, not to be changed. */
export const statusXlen: u64 = 0xa00000000
export const sstatusXlen: u64 = 0x200000000

/** MXL 64, and the extensions A B C D F I M S U by letter. */
export const misa: u64 = 0x800000000014112f

/** menvcfg.STCE: stimecmp is there for S-mode (Sstc). */
export const stce: u64 = 0x8000000000000000
/** menvcfg and senvcfg's FIOM: fences order I/O with memory; they always do here. */
export const fiom: u64 = 1

/** Exceptions that may be delegated: all but those of M-mode itself. */
export const delegable: u64 = 0xb3ff

/** satp: Sv39 in the mode field, no ASIDs (they read as zero), 44 bits of page number. */
export const satpSv39: u64 = 8
export const satpPageNumber: u64 = 0xfffffffffff

export const enum Csr {
  fflags = 0x001,
  frm = 0x002,
  fcsr = 0x003,
  cycle = 0xc00,
  time = 0xc01,
  instret = 0xc02,
  hpmcounter31 = 0xc1f,
  sstatus = 0x100,
  sie = 0x104,
  stvec = 0x105,
  scounteren = 0x106,
  senvcfg = 0x10a,
  sscratch = 0x140,
  sepc = 0x141,
  scause = 0x142,
  stval = 0x143,
  sip = 0x144,
  stimecmp = 0x14d,
  satp = 0x180,
  mstatus = 0x300,
  misa = 0x301,
  medeleg = 0x302,
  mideleg = 0x303,
  mie = 0x304,
  mtvec = 0x305,
  mcounteren = 0x306,
  menvcfg = 0x30a,
  mcountinhibit = 0x320,
  mhpmevent3 = 0x323,
  mhpmevent31 = 0x33f,
  mscratch = 0x340,
  mepc = 0x341,
  mcause = 0x342,
  mtval = 0x343,
  mip = 0x344,
  pmpcfg0 = 0x3a0,
  pmpcfg2 = 0x3a2,
  pmpcfg15 = 0x3af,
  pmpaddr0 = 0x3b0,
  pmpaddr15 = 0x3bf,
  pmpaddr63 = 0x3ef,
  tselect = 0x7a0,
  tinfo = 0x7a4,
  mcycle = 0xb00,
  minstret = 0xb02,
  mhpmcounter31 = 0xb1f,
  mvendorid = 0xf11,
  mconfigptr = 0xf15,
}
