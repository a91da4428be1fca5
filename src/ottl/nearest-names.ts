import { nearest } from '../config/nearest.ts'

/** `: did you mean set?`, or nothing when no name is near. */
export function nearestNames(name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  return near === undefined ? '' : `: did you mean ${near}?`
}
