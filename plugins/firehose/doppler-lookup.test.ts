import { domainToASCII } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newDopplerLookup, zoneName } from './doppler-lookup.ts'

/** Names that resolve to loopback addresses; every look-up is noted. */
function names(table: Record<string, string[]>) {
  const asked: string[] = []
  const resolve = async (name: string) => {
    asked.push(name)
    if (!table[name]) throw new Error('ENOTFOUND')
    return table[name]
  }
  return { asked, resolve }
}

describe('where dopplers are', () => {
  test.each([
    ['jedinečné.router-addr:1234', 'xn--jedinen-hya63a.router-addr:1234'],
    ['z1@eu.doppler:8082', 'z1-eu.doppler:8082'],
    ['zoné@1:1', 'xn--zon-1-dsa:1'],
    ['Plain.Name:1', 'Plain.Name:1'],
    [':8082', ':8082'],
  ])('the zone %s is asked for as %s', (written, expected) => {
    expect(zoneName(written)).toBe(expected)
  })

  test('names are encoded as DNS wants them', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'abz-09éüßčあ漢字я'), minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(letters, (label) => {
        const usual = domainToASCII(`x${label}x.example`)
        if (usual === '' || label.includes('ß') || label.startsWith('--')) return
        expect(zoneName(`x${label}x.example`)).toBe(usual)
      }),
    )
  })

  test('the zone is looked up first, the general name when it cannot be, afresh each time', async () => {
    const { asked, resolve } = names({ general: ['10.0.0.1', '10.0.0.2'] })
    const picks = [0, 0.99]
    const random = () => picks.shift() ?? 0
    const options = { routerAddr: 'general:8082', routerAddrWithAz: 'zone:8083', resolve, random }
    const lookup = newDopplerLookup(options)
    expect([await lookup(), await lookup()]).toEqual(['10.0.0.1:8082', '10.0.0.2:8082'])
    expect(asked).toEqual(['zone', 'general', 'zone', 'general'])
    const zoned = newDopplerLookup({ ...options, ...names({ zone: ['::1'], general: ['10.0.0.1'] }) })
    expect(await zoned()).toBe('[::1]:8083')
    const bare = newDopplerLookup({ ...options, routerAddrWithAz: ':8082' })
    expect(await bare()).toBe('10.0.0.1:8082')
    const lost = newDopplerLookup({ ...options, ...names({}) })
    await expect(lost()).rejects.toThrow('unable to lookup a log consumer')
  })
})
