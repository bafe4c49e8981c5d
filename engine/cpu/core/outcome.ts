// How an instruction, or a part of one, went. The interpreter goes on after `done` alone; anything
// else it hands to the run loop (run.ts). Up to `sbi` the instruction has retired; from `trap` on
// it has not begun.

export const enum Outcome {
  done = 0,
  /** Done, and something changed that the run loop must look at: mode, interrupts, translation. */
  changed = 1,
  /** The same, and Hart.pc already says where to go on. */
  returned = 2,
  /** `wfi`: idle if nothing is pending. */
  wait = 3,
  /** An ecall for the VMM. */
  sbi = 4,
  /** Vm.trapCause and Vm.trapValue say why. */
  trap = 5,
  /** Vm.absentGpa says which page. */
  absent = 6,
  /** Nothing is wrong: at Hart.pc translated code may go on. */
  enter = 7,
}
