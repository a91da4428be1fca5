import type { Family } from '../wire/prometheus/write.ts'

export type Labels = Readonly<Record<string, string>>

/** Families under construction, in the order of their first sample. */
export class FamilyPage {
  private readonly families = new Map<string, Family & { samples: Family['samples'][number][] }>()

  add(name: string, help: string, type: Family['type'], labels: Labels, value: number, suffix?: string): void {
    const full = `otelcol_${name}`
    const family = this.families.get(full) ?? { name: full, help, type, samples: [] }
    this.families.set(full, family)
    const pairs = Object.entries(labels).filter(([, text]) => text !== '')
    const key = JSON.stringify(pairs)
    const same = family.samples.find((sample) => sample.suffix === suffix && JSON.stringify(sample.labels) === key)
    // Queues of several destinations are one exporter there.
    if (same) same.value += value
    else family.samples.push({ labels: pairs, value, ...(suffix && { suffix }) })
  }

  all(): Family[] {
    return [...this.families.values()]
  }
}
