import type { Metrics } from '../runtime/metrics.ts'

/** What new parts show of themselves, held back until it is certain that they take over. */
export class Stage {
  private waiting: (() => void)[] | undefined = []

  get isOpen(): boolean {
    return this.waiting === undefined
  }

  /** Runs `fn` when the stage opens, or now when it is open. */
  whenOpen(fn: () => void): void {
    if (this.waiting) this.waiting.push(fn)
    else fn()
  }

  open(): void {
    const { waiting = [] } = this
    this.waiting = undefined
    for (const fn of waiting) fn()
  }
}

/**
 * The metrics as a part sees them: what others read of it waits until the stage opens. A counter goes on from where that
 * of its predecessor stands. `undo` is told how to take each away again.
 */
export function stagedMetrics(metrics: Metrics, stage: Stage, undo: (fn: () => void) => void): Metrics {
  const staged = Object.create(metrics) as Metrics
  staged.observe = (name, help, labels, read, type) => {
    let take: (() => void) | undefined
    let isGone = false
    const follows = type === 'counter' && !stage.isOpen
    stage.whenOpen(() => {
      if (isGone) return
      const before = (follows && metrics.value(name, labels)) || 0
      take = metrics.observe(name, help, labels, before > 0 ? () => before + read() : read, type)
    })
    const away = () => {
      isGone = true
      take?.()
    }
    undo(away)
    return away
  }
  staged.adopt = (family) => stage.whenOpen(() => metrics.adopt(family))
  return staged
}
