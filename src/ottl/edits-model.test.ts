import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Batch, type Processor } from '../plugin.ts'
import attributes from '../processors/attributes/index.ts'
import resource from '../processors/resource/index.ts'
import transform from '../processors/transform/index.ts'
import { double, field, int } from '../telemetry/testing/encode.ts'
import { processorHost } from '../telemetry/testing/processor-host.ts'
import {
  attributeOf,
  decode,
  encode,
  inner,
  type Message,
  removeAttributes,
  setAttribute,
  shapes,
} from './testing/model.ts'

type Signal = keyof typeof shapes
const keys = ['a', 'b', 'c', 'long-key-of-an-attribute', '']
const key = fc.constantFrom(...keys)
/** AnyValues: text, bool, integer, double, list, map, bytes, nothing. */
const any = fc.oneof(
  fc.string({ maxLength: 200 }).map((text) => field(1, text)),
  fc.boolean().map((on) => int(2, on ? 1 : 0)),
  fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }).map((value) => int(3, value)),
  fc.double().map((value) => double(4, value)),
  fc.constant(field(5, [field(1, field(1, 'x')), field(1, int(3, 1))])),
  fc.constant(field(6, field(1, [field(1, 'k'), field(2, field(1, 'v'))]))),
  fc.uint8Array({ maxLength: 5 }).map((bytes) => field(7, Buffer.from(bytes))),
  fc.constant(Buffer.alloc(0)),
)
const attribute = (number: number) =>
  fc.tuple(key, any).map(([name, value]) => field(number, [field(1, name), field(2, value)]))
/** Fields that nobody touches, known and unknown, of every wire type. */
const other = (numbers: readonly number[]) =>
  fc.oneof(
    fc.tuple(fc.constantFrom(...numbers), fc.string({ maxLength: 150 })).map(([number, text]) => field(number, text)),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((value) => int(50, value)),
    fc.double().map((value) => double(51, value)),
    fc.constant(Buffer.concat([Buffer.from([0xa5, 0x03]), Buffer.from([1, 2, 3, 4])])),
  )
const several = <T>(item: fc.Arbitrary<T>, maxLength: number) => fc.array(item, { maxLength })
const message = (attributesField: number, others: readonly number[]) =>
  several(fc.oneof(attribute(attributesField), other(others)), 8).map((parts) => Buffer.concat(parts))
const resourceOf = message(1, [40]).map((body) => field(1, body))
const around = (record: fc.Arbitrary<Buffer>) =>
  several(
    fc
      .tuple(fc.option(resourceOf), several(several(record, 4), 3), fc.boolean(), fc.string())
      .map(([head, scopes, late, schema]) => {
        const body = scopes.map((records) => field(2, [field(1, field(1, 'lib')), ...records]))
        const parts = [...(head && !late ? [head] : []), ...body, ...(head && late ? [head] : []), field(3, schema)]
        return field(1, parts)
      }),
    3,
  ).map((all) => Buffer.concat(all))
const dataAndAttributes: Record<number, number> = { 5: 7, 7: 7, 9: 9, 10: 1, 11: 7 }
const requests: Record<Signal, fc.Arbitrary<Buffer>> = {
  logs: around(message(6, [3, 9, 41]).map((body) => field(2, body))),
  traces: around(message(9, [3, 13, 41]).map((body) => field(2, body))),
  metrics: around(
    fc
      .constantFrom(5, 7, 9, 10, 11)
      .chain((data) =>
        several(message(dataAndAttributes[data]!, [5 === data ? 41 : 42]), 3).map((points) =>
          field(2, [
            field(1, 'm'),
            field(data, [...points.map((point) => field(1, point)), ...(data === 7 ? [int(3, 1)] : [])]),
          ]),
        ),
      ),
  ),
}

/** The attributes of records, each with the resource around it. */
function recordsOf(
  request: Message,
  signal: Signal,
): { record: Message; number: number; resource: () => Message | undefined; group: Message }[] {
  return inner(request, 1).flatMap((group) =>
    inner(group, 2).flatMap((scope) => {
      const of = (record: Message, number: number) => ({
        record,
        number,
        group,
        resource: () => inner(group, 1).at(-1),
      })
      if (signal === 'logs') return inner(scope, 2).map((record) => of(record, 6))
      if (signal === 'traces') return inner(scope, 2).map((record) => of(record, 9))
      return inner(scope, 2).flatMap((metric) =>
        [5, 7, 9, 10, 11].flatMap((data) =>
          inner(metric, data).flatMap((each) => inner(each, 1).map((point) => of(point, dataAndAttributes[data]!))),
        ),
      )
    }),
  )
}

type Change = (record: Message, number: number) => void
/** An action as configured, and what it means to a decoded record. */
const action = fc.oneof(
  fc
    .tuple(
      key.filter((name) => name !== ''),
      fc.constantFrom('insert', 'update', 'upsert'),
      fc.constantFrom('x', 5, true, 1.5),
    )
    .map(([name, how, value]) => ({
      config: { key: name, action: how, value } as object,
      change: ((record, number) => {
        const has = attributeOf(record, number, name) !== undefined
        if (how === 'upsert' || has === (how === 'update')) setAttribute(record, number, name, anyOf(value))
      }) as Change,
    })),
  fc
    .tuple(
      key.filter((name) => name !== ''),
      key.filter((name) => name !== ''),
    )
    .map(([name, from]) => ({
      config: { key: name, action: 'upsert', from_attribute: from } as object,
      change: ((record, number) => {
        const value = attributeOf(record, number, from)
        if (value !== undefined && value.length > 0) setAttribute(record, number, name, value)
      }) as Change,
    })),
  key
    .filter((name) => name !== '')
    .map((name) => ({
      config: { key: name, action: 'delete' } as object,
      change: ((record, number) => removeAttributes(record, number, (each) => each === name)) as Change,
    })),
  fc.constant({
    config: { pattern: '^(a|long.*)$', action: 'delete' } as object,
    change: ((record, number) => removeAttributes(record, number, (each) => /^(a|long.*)$/.test(each))) as Change,
  }),
)

function anyOf(value: string | number | boolean): Buffer {
  if (typeof value === 'string') return field(1, value)
  if (typeof value === 'boolean') return int(2, value ? 1 : 0)
  return Number.isInteger(value) ? int(3, value) : double(4, value)
}

type Spec = { type: string; config: { parse(config: unknown): unknown }; create(use: never): unknown }
function run(spec: unknown, config: unknown, format: Signal, batch: Batch): Batch {
  const { type, config: schema, create } = spec as Spec
  const made = create({ config: schema.parse(config), host: processorHost(type).host, format } as never)
  const process = typeof made === 'function' ? made : (made as Processor).process
  const none = Buffer.alloc(0)
  return (process as (batch: Batch) => Batch | undefined)(batch) ?? Batch.of(format, none)
}

for (const signal of ['logs', 'metrics', 'traces'] as const) {
  test(`actions on ${signal} do to bytes what they do to decoded records, and nothing else`, () => {
    fc.assert(
      fc.property(requests[signal], fc.array(action, { minLength: 1, maxLength: 4 }), (bytes, actions) => {
        const batch = Batch.of(signal, bytes)
        const model = decode(bytes, shapes[signal])
        for (const { record, number } of recordsOf(model, signal))
          for (const { change } of actions) change(record, number)
        const out = run(attributes, { actions: actions.map(({ config }) => config) }, signal, batch)
        expect(out.bytes()).toEqual(encode(model))
        expect(out.count).toBe(batch.count)
      }),
      { numRuns: 150 },
    )
  })

  test(`actions on resources of ${signal} likewise`, () => {
    fc.assert(
      fc.property(requests[signal], fc.array(action, { minLength: 1, maxLength: 3 }), (bytes, actions) => {
        const model = decode(bytes, shapes[signal])
        const seen = new Set<Message>()
        for (const { group } of recordsOf(model, signal)) {
          if (seen.has(group)) continue
          seen.add(group)
          const there = inner(group, 1).at(-1)
          const one = there ?? { fields: [] }
          for (const { change } of actions) change(one, 1)
          // A resource that there was not stands in front.
          if (!there && one.fields.length > 0) group.fields.unshift({ number: 1, wire: 2, value: one })
        }
        const out = run(resource, { attributes: actions.map(({ config }) => config) }, signal, Batch.of(signal, bytes))
        expect(out.bytes()).toEqual(encode(model))
      }),
      { numRuns: 100 },
    )
  })
}

test('statements that copy between a record and its resource see what earlier ones wrote', () => {
  fc.assert(
    fc.property(
      requests.logs,
      fc.array(fc.constantFrom('up', 'down', 'own', 'gone'), { minLength: 1, maxLength: 4 }),
      (bytes, kinds) => {
        const statements = {
          up: 'set(resource.attributes["b"], log.attributes["a"])',
          down: 'set(log.attributes["c"], resource.attributes["b"])',
          own: 'set(log.attributes["a"], log.attributes["c"])',
          gone: 'delete_key(log.attributes, "c")',
        }
        // A request without records is not handed on.
        fc.pre(Batch.of('logs', bytes).count > 0)
        const model = decode(bytes, shapes.logs)
        for (const kind of kinds) {
          for (const { record, group } of recordsOf(model, 'logs')) {
            let top = inner(group, 1).at(-1)
            const copy = (
              from: Message | undefined,
              fromNumber: number,
              fromKey: string,
              set: (value: Buffer) => void,
            ) => {
              const value = from && attributeOf(from, fromNumber, fromKey)
              if (value && value.length > 0) set(value)
            }
            if (kind === 'up') {
              copy(record, 6, 'a', (value) => {
                if (!top) {
                  top = { fields: [] }
                  group.fields.unshift({ number: 1, wire: 2, value: top })
                }
                setAttribute(top, 1, 'b', value)
              })
            } else if (kind === 'down') copy(top, 1, 'b', (value) => setAttribute(record, 6, 'c', value))
            else if (kind === 'own') copy(record, 6, 'c', (value) => setAttribute(record, 6, 'a', value))
            else removeAttributes(record, 6, (each) => each === 'c')
          }
        }
        const out = run(
          transform,
          { log_statements: kinds.map((kind) => statements[kind]) },
          'logs',
          Batch.of('logs', bytes),
        )
        expect(out.bytes()).toEqual(encode(model))
      },
    ),
    { numRuns: 200 },
  )
})
