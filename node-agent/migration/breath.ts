// One turn of the event loop: sockets, timers and messages of other threads get their time in
// between. A promise alone does not do that (microtasks come before everything), and a timer costs
// a millisecond. MessageChannel is the one way that Node and browsers share (HTML standard, section
// 9.4).

let pending = 0

/** Who waits for a turn now, in all of this thread: the simulated world must not go on before. */
export const breathsPending = (): number => pending

/** Resolves after the event loop has turned once. */
export function breathe(): Promise<void> {
  pending++
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    const turned = () => {
      port1.close()
      pending--
      resolve()
    }
    port1.addEventListener('message', turned, { once: true })
    port1.start()
    port2.postMessage(undefined)
  })
}
