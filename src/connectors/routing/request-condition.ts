import type { Origin } from '../../plugin.ts'

/** Whether the request that brought a batch meets a condition. */
export type RequestCondition = (origin: Origin | undefined) => boolean

const pattern = /^\s*request\s*\[\s*"((?:[^"\\]|\\.)+)"\s*\]\s*(==|!=)\s*"((?:[^"\\]|\\.)*)"\s*$/

/**
 * Compiles `request["X-Tenant"] == "acme"`, the one form there is (with `!=`). A request without the header meets
 * neither. Undefined when it is written otherwise.
 */
export function requestCondition(source: string): RequestCondition | undefined {
  const match = pattern.exec(source)
  if (!match) return undefined
  const [, name, op, text] = match as unknown as [string, string, string, string]
  const header = unquoted(name).toLowerCase()
  const value = unquoted(text)
  const wanted = op === '=='
  return (origin) => {
    const given = origin?.metadata?.[header]
    return given !== undefined && (given === value) === wanted
  }
}

const unquoted = (text: string) => text.replace(/\\(["\\])/g, '$1')
