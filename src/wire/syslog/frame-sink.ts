/**
 * Where frames are written: `bytes[0, end)` is taken. After `reserve(n)` there is room for `n` bytes from `end` on; it may
 * replace `bytes` and `end` (a new chunk). Whoever writes moves `end`. What was written for one envelope must stay as it
 * is until the writer looks at the next one: further drains copy it from there.
 */
export interface FrameSink {
  bytes: Buffer
  end: number
  reserve(bytes: number): void
}

/** A sink of one buffer that grows: for tests, tools and single messages. */
export class GrowingSink implements FrameSink {
  bytes: Buffer
  end = 0

  constructor(capacity = 4096) {
    this.bytes = Buffer.allocUnsafeSlow(capacity)
  }

  reserve(bytes: number): void {
    const need = this.end + bytes
    if (need <= this.bytes.length) return
    const wider = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, need))
    this.bytes.copy(wider, 0, 0, this.end)
    this.bytes = wider
  }
}
