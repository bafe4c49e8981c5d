// One turn of the event loop: sockets, timers and messages of other threads get their time in
// between. A promise alone does not do that (microtasks come before everything), and a timer costs
// a millisecond. MessageChannel is the one way that Node and browsers share (HTML standard, section
// 9.4).

/** Resolves after the event loop has turned once. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    const turned = () => {
      port1.close()
      resolve()
    }
    port1.addEventListener('message', turned, { once: true })
    port1.start()
    port2.postMessage(undefined)
  })
}
