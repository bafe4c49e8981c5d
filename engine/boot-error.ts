// Why a VM cannot be booted from what it was given: said to a person, with what to do about it.
// Not a bug of ours: images come from anywhere.

export class BootError extends Error {
  override readonly name = 'BootError'
  /** `no-image`: nothing can be booted from these files. `bad-request`: they want more RAM. */
  readonly code: 'no-image' | 'bad-request'

  constructor(code: BootError['code'], message: string) {
    super(message)
    this.code = code
  }
}
