import { readFileSync } from 'node:fs'

/** Sections of a systemd unit, each with its settings in order; a setting may stand there several times. */
export type UnitFile = ReadonlyMap<string, readonly (readonly [key: string, value: string])[]>

/** Throws with the line that systemd would not understand. */
export function readUnitFile(path: string): UnitFile {
  const sections = new Map<string, [string, string][]>()
  let settings: [string, string][] | undefined
  for (const [i, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    if (line.trim() === '' || /^[#;]/.test(line)) continue
    const [, section] = /^\[([A-Za-z]+)\]$/.exec(line) ?? []
    const [, key, value] = /^([A-Za-z0-9]+)=(.*)$/.exec(line) ?? []
    if (section !== undefined) {
      settings = sections.get(section) ?? []
      sections.set(section, settings)
    } else if (key !== undefined && settings) settings.push([key, value!])
    else throw new Error(`${path}:${i + 1}: neither a section nor a setting: ${line}`)
  }
  return sections
}

/** All values of one setting. */
export const valuesOf = (unit: UnitFile, section: string, key: string): string[] =>
  (unit.get(section) ?? []).flatMap(([name, value]) => (name === key ? [value] : []))
