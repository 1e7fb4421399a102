import { certificateRequest } from './certificate-request';
import type { FromRequestProcess, ToRequestProcess } from './request-in-process';

/** One request, and the process is over. */
const say = (message: FromRequestProcess): void => void process.send!(message);
let signed: (signature: Uint8Array) => void;

process.on('message', (message: ToRequestProcess) => {
  if ('signature' in message) {
    signed(message.signature);
    return;
  }
  const sign = async (toSign: Uint8Array) => new Promise<Uint8Array>((resolve) => {
    signed = resolve;
    say({ toSign });
  });
  void certificateRequest(message.publicKey, sign).then((request) => say({ request })).finally(() => process.disconnect());
});
