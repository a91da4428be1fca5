/** The second half of the public API, `tailrace/plugin/net`: servers and clients. Apart, so that nobody loads them in vain. */
export { type Address, formatAddress, parseAddress, resolveAddresses } from './net/address.ts'
export { type GrpcClient, type GrpcClientOptions, newGrpcClient } from './net/grpc-client.ts'
export { type GrpcServer, type GrpcServerOptions, newGrpcServer } from './net/grpc-server.ts'
export {
  type Call,
  type ClientStreamSink,
  clientStream,
  type Handler,
  type ServerStream,
  serverStream,
  unary,
} from './net/grpc-types.ts'
export { type HttpServer, type HttpServerOptions, newHttpServer, type Route } from './net/http-server.ts'
export { GrpcCode, GrpcError } from './net/status.ts'
export { clientTlsFrom, serverTlsFrom } from './net/tls-settings.ts'
export { newUdpListener, type UdpListener, type UdpListenerOptions } from './net/udp.ts'
