// Requests of which bytes and JSON are known from encoders of others.

/** A log record. */
export const l1 =
  '0a6d0a150a130a0c736572766963652e6e616d6512030a016112540a060a0173120131124a09010000000000000010091a04494e464f2a040a02686932070a016b1202182a45010000004a100102030405060708090a0b0c0d0e0f1052080102030405060708590200000000000000'
/** The same as the JavaScript SDK writes it: zeros stand there. */
export const l1OfJavaScript =
  '0a710a170a130a0c736572766963652e6e616d6512030a0161100012560a060a0173120131124c09010000000000000010091a04494e464f2a040a02686932070a016b1202182a380045010000004a100102030405060708090a0b0c0d0e0f1052080102030405060708590200000000000000'
export const l1Json = {
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'a' } }] },
      scopeLogs: [
        {
          scope: { name: 's', version: '1' },
          logRecords: [
            {
              timeUnixNano: '1',
              severityNumber: 9,
              severityText: 'INFO',
              body: { stringValue: 'hi' },
              attributes: [{ key: 'k', value: { intValue: '42' } }],
              flags: 1,
              traceId: '0102030405060708090a0b0c0d0e0f10',
              spanId: '0102030405060708',
              observedTimeUnixNano: '2',
            },
          ],
        },
      ],
    },
  ],
}

const point = { resource: {}, scope: {} }
export const metricJson = (metric: object) => ({
  resourceMetrics: [{ resource: point.resource, scopeMetrics: [{ scope: point.scope, metrics: [metric] }] }],
})
/** Published bytes without the empty resource and scope that JSON has. */
export const examples: [string, 'logs' | 'metrics' | 'traces', string, object][] = [
  ['a log record', 'logs', l1, l1Json],
  [
    'a gauge',
    'metrics',
    '0a2c122a12280a036370751a01312a1e0a1c19010000000000000021000000000000f83f3a080a016b12030a0161',
    metricJson({
      name: 'cpu',
      unit: '1',
      gauge: {
        dataPoints: [{ timeUnixNano: '1', asDouble: 1.5, attributes: [{ key: 'k', value: { stringValue: 'a' } }] }],
      },
    }),
  ],
  [
    'a cumulative sum',
    'metrics',
    '0a2c122a12280a037265713a210a1b11010000000000000019020000000000000031050000000000000010021801',
    metricJson({
      name: 'req',
      sum: {
        dataPoints: [{ startTimeUnixNano: '1', timeUnixNano: '2', asInt: '5' }],
        aggregationTemporality: 2,
        isMonotonic: true,
      },
    }),
  ],
  [
    'a histogram',
    'metrics',
    '0a4d124b12490a01684a440a401101000000000000001902000000000000002103000000000000002900000000000018403210010000000000000002000000000000003a0800000000000000401002',
    metricJson({
      name: 'h',
      histogram: {
        dataPoints: [
          {
            startTimeUnixNano: '1',
            timeUnixNano: '2',
            count: '3',
            sum: 6,
            bucketCounts: ['1', '2'],
            explicitBounds: [2],
          },
        ],
        aggregationTemporality: 2,
      },
    }),
  ],
  [
    'a span',
    'traces',
    '0a3f123d123b0a100102030405060708090a0b0c0d0e0f10120801020304050607082a05474554202f30023901000000000000004102000000000000007a021802',
    {
      resourceSpans: [
        {
          resource: {},
          scopeSpans: [
            {
              scope: {},
              spans: [
                {
                  traceId: '0102030405060708090a0b0c0d0e0f10',
                  spanId: '0102030405060708',
                  name: 'GET /',
                  kind: 2,
                  startTimeUnixNano: '1',
                  endTimeUnixNano: '2',
                  status: { code: 2 },
                },
              ],
            },
          ],
        },
      ],
    },
  ],
]
