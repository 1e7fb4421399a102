export { AdsClient, type AdsDeps } from './client';
export { grpcStreams } from './grpc-stream';
export { AdsStats } from './stats';
export type { AdsStream, AdsStreamEvents, OpenAdsStream } from './types';
