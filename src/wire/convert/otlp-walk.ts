import { Reader } from '../protobuf.ts'

/** Numbers kept per leaf: its extent and that of the resource group around it. */
const stride = 4
const readers = [new Reader(), new Reader(), new Reader()]

/**
 * The leaves of an export request: log records, spans, or metrics. Each lies three levels deep: field 1 of the request,
 * field 2 of the resource group, field 2 of the scope group. Reused for every request.
 */
export class OtlpLeaves {
  count = 0
  /** Groups whose framing broke; what they had before is kept. */
  broken = 0
  private cells = new Uint32Array(stride * 128)
  private groupStart = 0
  private groupEnd = 0

  read(bytes: Uint8Array, start: number, end: number): void {
    this.count = 0
    this.broken = 0
    this.level(bytes, start, end, 0)
  }

  private level(bytes: Uint8Array, start: number, end: number, depth: number): void {
    const reader = readers[depth]!.reset(bytes, start, end)
    const wanted = depth === 0 ? 1 : 2
    while (reader.next() && reader.skip()) {
      if (reader.field !== wanted || reader.wire !== 2) continue
      if (depth === 0) {
        this.groupStart = reader.start
        this.groupEnd = reader.stop
      }
      if (depth < 2) this.level(bytes, reader.start, reader.stop, depth + 1)
      else this.add(reader.start, reader.stop)
    }
    if (!reader.ok) this.broken++
  }

  private add(start: number, end: number): void {
    if ((this.count + 1) * stride > this.cells.length) {
      const wider = new Uint32Array(this.cells.length * 2)
      wider.set(this.cells)
      this.cells = wider
    }
    const at = this.count++ * stride
    this.cells[at] = start
    this.cells[at + 1] = end
    this.cells[at + 2] = this.groupStart
    this.cells[at + 3] = this.groupEnd
  }

  start(i: number): number {
    return this.cells[i * stride]!
  }
  end(i: number): number {
    return this.cells[i * stride + 1]!
  }
  groupOf(i: number): number {
    return this.cells[i * stride + 2]!
  }
  groupEndOf(i: number): number {
    return this.cells[i * stride + 3]!
  }
}
