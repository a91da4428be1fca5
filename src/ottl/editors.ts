import type { Editor } from './editor.ts'
import { fieldEditors } from './field-editors.ts'
import { mapEditors } from './map-editors.ts'
import { metricEditors } from './metric-editors.ts'
import { textEditors } from './text-editors.ts'

/** The functions that change something, by name (Collector: pkg/ottl/ottlfuncs). */
export const editors: Readonly<Record<string, Editor>> = {
  ...fieldEditors,
  ...mapEditors,
  ...textEditors,
  ...metricEditors,
}
