export const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const
