/** Event types of a v1 envelope by number (dropsonde-protocol, events/envelope.proto); also the field its payload is in. */
export const eventTypeNames: readonly (string | undefined)[] = [
  undefined,
  undefined,
  undefined,
  undefined,
  'HttpStartStop',
  'LogMessage',
  'ValueMetric',
  'CounterEvent',
  'Error',
  'ContainerMetric',
]

export const EventType = { http: 4, log: 5, value: 6, counter: 7, error: 8, container: 9 } as const

/** Field number of the payload of an event type. */
export const payloadField: readonly number[] = [0, 0, 0, 0, 7, 8, 9, 10, 11, 12]

/** HTTP methods by number (dropsonde-protocol, events/http.proto); number 0 is none. */
export const methodNames: readonly string[] = (
  ' GET POST PUT DELETE HEAD ACL BASELINE_CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DEBUG LABEL LINK LOCK MERGE ' +
  'MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH PRI PROPFIND PROPPATCH REBIND ' +
  'REPORT SEARCH SHOWMETHOD SPACEJUMP TEXTSEARCH TRACE TRACK UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF ' +
  'VERSION_CONTROL'
).split(' ')

/** Peer types by number. */
export const peerTypeNames: readonly string[] = ['', 'Client', 'Server']

/** Name of an enum value, or its number as text. */
export function enumText(names: readonly (string | undefined)[], value: number): string {
  return names[value] || String(value)
}

/** Numbers by name, for the way back; an unknown name is 0. */
export const methodNumbers = new Map(methodNames.map((name, number) => [name, number]))
