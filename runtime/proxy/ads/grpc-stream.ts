import { isIPv6 } from 'node:net';
import { credentials, connectivityState, logVerbosity, Metadata, setLogVerbosity, type ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';
import type { Clock } from '../../clock';
import { createAdsClient } from '../../xds/ads-service';
import type { AdsConfig } from '../bootstrap/types';
import type { AdsStream, AdsStreamEvents, OpenAdsStream } from './types';

// What goes wrong is said once, by whoever opened the stream, in the form of the proxy's log.
setLogVerbosity(logVerbosity.NONE);

/**
 * Streams over gRPC, one connection each: a lost connection is a lost stream, and retried by whoever opened it.
 * @param secure what a connection is made with at the moment; plain TCP without it
 */
export function grpcStreams(
  config: Pick<AdsConfig, 'authority' | 'connectTimeout' | 'keepalive'>, clock: Clock, secure?: () => Promise<ChannelCredentials>,
): OpenAdsStream {
  return ({ host, port }, events) => {
    const target = isIPv6(host) ? `ipv6:[${host}]:${port}` : /^[0-9.]+$/.test(host) ? `ipv4:${host}:${port}` : `dns:${host}:${port}`;
    if (!secure) return open(target, events, config, clock, credentials.createInsecure());
    return later(secure(), (channel) => open(target, events, config, clock, channel), events);
  };
}

/** A stream that is opened once its credentials are there; what is sent before goes out then. */
function later(secure: Promise<ChannelCredentials>, begin: (channel: ChannelCredentials) => AdsStream, events: AdsStreamEvents): AdsStream {
  let stream: AdsStream | undefined;
  let closed = false;
  const early: Parameters<AdsStream['send']>[0][] = [];
  secure.then((channel) => {
    if (closed) return;
    stream = begin(channel);
    for (const request of early.splice(0)) stream.send(request);
  }, (error: Error) => { if (!closed) events.ended(error.message); });
  return {
    send: (request) => {
      if (stream) stream.send(request);
      else early.push(request);
    },
    close: () => {
      closed = true;
      stream?.close();
    },
  };
}

function open(target: string, events: AdsStreamEvents, config: Pick<AdsConfig, 'authority' | 'connectTimeout' | 'keepalive'>, clock: Clock, channel: ChannelCredentials): AdsStream {
  const client = createAdsClient(target, channel, options(config));
  const stream = client.deltaAggregatedResources(new Metadata());
  let over = false;
  const timer = clock.setTimer(config.connectTimeout, () => {
    if (client.getChannel().getConnectivityState(false) !== connectivityState.READY) end(`no connection within ${config.connectTimeout} ms`);
  });
  const close = (): void => {
    over = true;
    timer.cancel();
    stream.cancel();
    client.close();
  };
  function end(reason: string): void {
    if (over) return;
    close();
    events.ended(reason);
  }
  stream.on('data', (response: Parameters<AdsStreamEvents['response']>[0]) => { if (!over) events.response(response); });
  // An error is followed by a status, but not before a stream that was cancelled; one of the two is enough.
  stream.on('error', (error) => end(error.message));
  stream.on('end', () => end('the control plane ended the stream'));
  return { send: (request) => { if (!over) stream.write(request); }, close };
}

function options(config: Pick<AdsConfig, 'authority' | 'keepalive'>): Partial<ClientOptions> {
  return {
    // The configuration of a large mesh has no size that would be wrong.
    'grpc.max_receive_message_length': -1,
    // A reconnect is the caller's, on its own clock.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    // Of several addresses of one name any, not always the first.
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ pick_first: { shuffleAddressList: true } }] }),
    ...(config.authority !== undefined && { 'grpc.default_authority': config.authority }),
    ...(config.keepalive && { 'grpc.keepalive_time_ms': config.keepalive.interval, 'grpc.keepalive_timeout_ms': config.keepalive.timeout }),
  };
}
