import { type ChannelCredentials, type ChannelOptions, Client, type MethodDefinition } from '@grpc/grpc-js';

/** Bytes in, bytes out: what they mean is decided where they are read, with every read checked. */
const serialize = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const deserialize = (bytes: Buffer): Uint8Array => bytes;

function method(name: string, streams: boolean): MethodDefinition<Uint8Array, Uint8Array> {
  return {
    path: `/envcli.peers.v1.Peers/${name}`,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  };
}

/**
 * What members ask of one another. Not a public API: its messages are `writePeerMessage` and its neighbours.
 *
 * Every stream begins with the caller's hello and its answer. `Messages`: frames of messages one way, what was consumed of them
 * the other way. `Forward`: batches of commands, and their answers. `Snapshot`: a whole state that the caller brings. `Fetch`: one that it
 * gets, to repair its own.
 */
export const peersService = {
  Hello: method('Hello', false),
  Messages: method('Messages', true),
  Forward: method('Forward', true),
  Snapshot: method('Snapshot', true),
  Fetch: method('Fetch', true),
};

/** No frame between members is larger: the largest entry (4 MiB), and what goes around it. Larger ones end their stream. */
export const frameBytesMax = 6 * 1024 * 1024;

export const transportOptions: ChannelOptions = {
  'grpc.max_receive_message_length': frameBytesMax,
  'grpc.max_send_message_length': frameBytesMax,
  // A dead host sends no reset: without pings its connections would stand for hours.
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 3_000,
  // The default of 64 KiB takes a round trip for every 64 KiB of a large append.
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
};

/** A client with a connection of its own: a snapshot or a flood of forwards must not stand before a heartbeat. */
export function dialClient(address: string, credentials: ChannelCredentials): Client {
  return new Client(address, credentials, {
    ...transportOptions,
    'grpc.use_local_subchannel_pool': 1,
    // With TLS a member is known by its number, whatever its address: the name that is asked for is nobody's.
    'grpc.ssl_target_name_override': 'member.invalid',
    'grpc.enable_http_proxy': 0,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
  });
}
