// core.wasm: what it offers. The pCPU's thread uses the hart, the agent's the pages; both
// instantiate this module on the VM's one shared memory, and neither keeps anything in globals.

export { absentTable, claimPages, ramAddress, touchedTable, trackedTable } from './page-work'
export { askedAddress, collectPages, copiesAddress, filledAddress, fullHash } from './page-work'
export { hashStaged, noteStored, stagePagesMax, touchedPages, trackedHash } from './page-work'
export { noteBrought, zeroAddress, zeroPages } from './page-work'
export { format, memoryBytes } from './pages'
export { endRelease, releasePages } from './page-release'
export { clearLog, closeLog, openLog, takeLog } from './dirty'
export { absentGpa, afterRestore, alarm, configure, hartBytes, reachForDevice } from './hart'
export { readPc, readX, reset, retired, setAlarm, setExternalInterrupt, setPresent } from './hart'
export { setMachineExternalInterrupt, setSoftwareInterrupt, skipTo, ticks } from './hart'
export { valueAddress, writeX } from './hart'
export { requestExit, run } from './run'
