/** Handshakes that may begin in one turn of the event loop: each costs up to two milliseconds that nobody else gets. */
const PER_TURN = 8

let started = 0
let waiting: (() => void)[] = []

/** Runs `begin` now, or in one of the next turns when this one has begun enough. First come, first served. */
export function handshakeTurn(begin: () => void): void {
  if (started === 0 && waiting.length === 0) setImmediate(nextTurn)
  if (started < PER_TURN && waiting.length === 0) {
    started++
    begin()
  } else waiting.push(begin)
}

function nextTurn(): void {
  const now = waiting.slice(0, PER_TURN)
  waiting = waiting.slice(PER_TURN)
  started = now.length
  if (started > 0) setImmediate(nextTurn)
  for (const begin of now) begin()
}
