import { describe, expect, test } from 'vitest'
import { Progress, silenceMs } from './progress.ts'

describe('a queue is in trouble', () => {
  test('from the first failed attempt until something is delivered, with the latest reason', () => {
    const progress = new Progress()
    progress.failed(5, 'connection refused')
    progress.failed(9, 'connection reset')
    expect(progress.trouble(10, 1)).toEqual({ error: 'connection reset', since: 5, lasting: false })
    progress.delivered(11)
    expect(progress.trouble(12, 1)).toBeUndefined()
  })

  test('when nothing is delivered for half a minute while records wait, though nothing fails', () => {
    const progress = new Progress()
    progress.delivered(1000)
    expect(progress.trouble(1000 + silenceMs - 1, 0)).toBeUndefined()
    const silent = { error: 'nothing was delivered for 30 s while records wait', since: 1000, lasting: false }
    expect(progress.trouble(1000 + silenceMs, 0)).toEqual(silent)
    expect(progress.trouble(1000 + silenceMs, undefined)).toBeUndefined()
    expect(progress.trouble(1000 + silenceMs, 0, 1), 'records wait on purpose').toBeUndefined()
  })

  test('counts silence from when the oldest record came: idle time is none', () => {
    const progress = new Progress()
    progress.delivered(0)
    expect(progress.trouble(10 * silenceMs, 10 * silenceMs - 5)).toBeUndefined()
  })

  test('when everything is refused for half a minute; one refused batch says nothing', () => {
    const progress = new Progress()
    progress.refused(0, 'bad label')
    expect(progress.trouble(10 * silenceMs, undefined)).toBeUndefined()
    progress.refused(silenceMs, '401')
    expect(progress.trouble(silenceMs, undefined)).toEqual({
      error: 'everything is refused: 401',
      since: 0,
      lasting: true,
    })
    progress.delivered(silenceMs + 1)
    progress.refused(silenceMs + 2, '400')
    expect(progress.trouble(silenceMs + 3, undefined)).toBeUndefined()
  })
})
