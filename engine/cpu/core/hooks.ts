// What the machine around the hart answers (CoreHooks of core-port.ts). Values travel through
// Vm.value.

/**
 * A load at a guest physical address that is not RAM; 0: nothing is there. `size` is 1, 2, 4 or 8.
 */
@external('hooks', 'mmioRead')
export declare function mmioRead(gpa: f64, size: i32): i32

/** A store; 0: nothing is there. */
@external('hooks', 'mmioWrite')
export declare function mmioWrite(gpa: f64, size: i32): i32

/** Guest time in ticks of 10 MHz. Asked under the real clock only. */
@external('hooks', 'timeTicks')
export declare function timeTicks(): f64

/** A page that a fork image shares is about to be written; it may never have been touched. */
@external('hooks', 'preserve')
export declare function preserve(page: u32, touched: u32): void

/** Code at a pc has become hot: make a region that can be entered there, or leave it. */
@external('hooks', 'translate')
export declare function translate(pc: u64): void

/** The code of a page has changed: its regions must go. */
@external('hooks', 'codeChanged')
export declare function codeChanged(page: u32): void

/** All regions must go. */
@external('hooks', 'allCodeChanged')
export declare function allCodeChanged(): void
