import { isIPv6 } from 'node:net';
import { credentials, connectivityState, logVerbosity, Metadata, setLogVerbosity, type ClientOptions } from '@grpc/grpc-js';
import type { Clock } from '../../clock';
import { createAdsClient } from '../../xds/ads-service';
import type { AdsConfig } from '../bootstrap/types';
import type { AdsStream, AdsStreamEvents, OpenAdsStream } from './types';

// What goes wrong is said once, by whoever opened the stream, in the form of the proxy's log.
setLogVerbosity(logVerbosity.NONE);

/** Streams over gRPC on plain TCP, one connection each: a lost connection is a lost stream, and retried by whoever opened it. */
export function grpcStreams(config: Pick<AdsConfig, 'authority' | 'connectTimeout' | 'keepalive'>, clock: Clock): OpenAdsStream {
  return ({ host, port }, events) => {
    const target = isIPv6(host) ? `ipv6:[${host}]:${port}` : /^[0-9.]+$/.test(host) ? `ipv4:${host}:${port}` : `dns:${host}:${port}`;
    return open(target, events, config, clock);
  };
}

function open(target: string, events: AdsStreamEvents, config: Pick<AdsConfig, 'authority' | 'connectTimeout' | 'keepalive'>, clock: Clock): AdsStream {
  const client = createAdsClient(target, credentials.createInsecure(), options(config));
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
