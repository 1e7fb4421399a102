/** Numbers of RFC 9113. */

export const FrameType = {
  Data: 0, Headers: 1, Priority: 2, RstStream: 3, Settings: 4, PushPromise: 5, Ping: 6, GoAway: 7, WindowUpdate: 8, Continuation: 9,
} as const;

export const Flag = { EndStream: 1, Ack: 1, EndHeaders: 4, Padded: 8, Priority: 32 } as const;

export const ErrorCode = {
  NoError: 0, ProtocolError: 1, InternalError: 2, FlowControlError: 3, SettingsTimeout: 4, StreamClosed: 5, FrameSizeError: 6, RefusedStream: 7,
  Cancel: 8, CompressionError: 9, ConnectError: 10, EnhanceYourCalm: 11, InadequateSecurity: 12, Http11Required: 13,
} as const;

export const Setting = {
  HeaderTableSize: 1, EnablePush: 2, MaxConcurrentStreams: 3, InitialWindowSize: 4, MaxFrameSize: 5, MaxHeaderListSize: 6, EnableConnectProtocol: 8,
} as const;

export const FRAME_HEAD = 9;
/** SETTINGS_MAX_FRAME_SIZE that peers are told: the default, so nobody has to wait for it. */
export const MAX_FRAME = 16_384;
export const DEFAULT_WINDOW = 65_535;
export const MAX_WINDOW = 0x7fffffff;
export const MAX_STREAM_ID = 0x7fffffff;
/** RFC 9113 §3.4. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
