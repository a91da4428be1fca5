/**
 * Keeps the event loop from turning for every small message: while turns follow each other closely, the thread sleeps
 * until `paceMs` after the last one, and what arrives meanwhile waits in the sockets and is read together. As network
 * cards do with their interrupts. Lone messages are not delayed.
 */
const paceMs = 2
/** Turns closer than this are a stream of them. */
const closeMs = 2 * paceMs

const cell = new Int32Array(new SharedArrayBuffer(4))
let last = Number.NEGATIVE_INFINITY
let armed = false

/** Call it at the end of every turn that brought little. */
export function pace(): void {
  const now = performance.now()
  const close = now - last < closeMs
  last = now
  if (!close || armed) return
  armed = true
  // One turn later: what this one wrote has gone to the sockets by then.
  setImmediate(rest)
}

function rest(): void {
  armed = false
  const wait = last + paceMs - performance.now()
  if (wait > 0) Atomics.wait(cell, 0, 0, wait)
}
