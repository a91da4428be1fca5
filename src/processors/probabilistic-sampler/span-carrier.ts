import type { Cursor } from '../../plugin.ts'
import { found } from '../../telemetry/find-field.ts'
import { spanFrame } from '../../telemetry/frames.ts'
import { Level } from '../../telemetry/level.ts'
import type { Site } from '../../telemetry/site.ts'
import { type Bits56, randomnessText, thresholdText } from './bits56.ts'
import type { Carrier } from './carrier.ts'
import { readTraceState, type TraceState, writeTraceState } from './trace-state.ts'

const traceState = 3

/** Spans: the member `ot` of the tracestate, `ot=rv:9b8233f7e3a151;th:8`. */
export class SpanCarrier implements Carrier {
  changed = false
  private readonly state: TraceState = {
    rv: '',
    randomness: undefined,
    threshold: undefined,
    rest: [],
    vendors: [],
  }
  private text = ''
  /** Per kept span: the tracestate it gets. */
  private readonly frames: (Buffer | undefined)[] = []
  private lastText = ''
  private lastFrame: Buffer | undefined

  get randomness(): Readonly<Bits56> | undefined {
    return this.state.randomness
  }

  get threshold(): Readonly<Bits56> | undefined {
    return this.state.threshold
  }

  read(cursor: Cursor): string | undefined {
    const has = cursor.findSpan(Level.record, traceState) && found.end > found.start
    this.text = has ? (found.buf as Buffer).toString('latin1', found.start, found.end) : ''
    return readTraceState(this.text, this.state)
  }

  begin(): void {
    this.frames.length = 0
    this.changed = false
  }

  keep(threshold: Readonly<Bits56>, randomness: Readonly<Bits56> | undefined): void {
    const rv = randomness ? randomnessText(randomness) : this.state.rv
    const text = writeTraceState(this.state, rv, thresholdText(threshold))
    if (text === this.text) {
      this.keepAsIs()
      return
    }
    // Spans of one trace mostly stand together, and in some modes all get the same.
    if (text !== this.lastText) {
      this.lastText = text
      this.lastFrame = spanFrame(traceState, Buffer.from(text, 'latin1'))
    }
    this.frames.push(this.lastFrame)
    this.changed = true
  }

  keepAsIs(): void {
    this.frames.push(undefined)
  }

  apply(site: Site, i: number): void {
    const frame = this.frames[i]
    if (frame) site.draft(Level.record).put(traceState, frame)
  }
}
