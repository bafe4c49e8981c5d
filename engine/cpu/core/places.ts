// Where things lie, for whoever generates code that uses them (engine/translator/): the core's own
// constants, exported.

import { Hart, Jumps, Regions, Sites, Tlb, Vm } from './layout'
import { Status } from './privileged'
import { Flag } from './float-number'

export const xAddress: u32 = Hart.x
export const fAddress: u32 = Hart.f
export const pcAddress: u32 = Hart.pc
export const mstatusAddress: u32 = Hart.mstatus
/** The field FS when it is "dirty": both bits. */
export const floatDirty: u32 = Status.fs
export const fcsrAddress: u32 = Hart.fcsr
/** frm is "nearest even" and `inexact` is raised: these bits of fcsr, and their value. */
export const fcsrFastMask: u32 = 0xe1
export const fcsrFast: u32 = Flag.inexact
export const leftAddress: u32 = Vm.left
export const graceAddress: u32 = Vm.grace
export const outcomeAddress: u32 = Vm.outcome
export const contextAddress: u32 = Vm.context
export const jumpsAddress: u32 = Jumps.base
export const jumpEntries: u32 = Jumps.entries
export const jumpEntryBytes: u32 = Jumps.entryBytes
export const jumpIndex: u32 = Jumps.index
export const jumpEntryPoint: u32 = Jumps.entryPoint
export const tlbAddress: u32 = Tlb.base
export const tlbEntries: u32 = Tlb.entries
export const tlbEntryBytes: u32 = Tlb.entryBytes
export const tlbBankBytes: u32 = Tlb.bankBytes
export const tlbRead: u32 = Tlb.read
export const tlbWrite: u32 = Tlb.write
export const tlbPayload: u32 = Tlb.payload
export const sitesAddress: u32 = Sites.base
export const siteCount: u32 = Sites.count
export const siteBankBytes: u32 = Sites.bankBytes
export const siteRead: u32 = Sites.read
export const siteWrite: u32 = Sites.write
export const regionsMax: u32 = Regions.regionsMax
export const regionPagesMax: u32 = Regions.pagesMax
