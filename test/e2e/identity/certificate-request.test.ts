import { createPrivateKey, createPublicKey } from 'node:crypto';
import { join, resolve } from 'node:path';
import { x509 } from '../../../runtime/control-plane/identity/x509';
import { requestInProcess } from '../../../runtime/proxy/identity/request-in-process';

const FILE = join(resolve(__dirname, '../../..'), 'lib/runtime/certificate-request.js');

/** The bundle, as a proxy starts it. */
test('a request is made in another process, signed by a key that is only in this one', async () => {
  const { privateKey, request } = await requestInProcess(FILE);
  const parsed = new x509.Pkcs10CertificateRequest(request);
  expect(await parsed.verify()).toBe(true);
  const own = createPublicKey(createPrivateKey(privateKey)).export({ type: 'spki', format: 'der' });
  expect(Buffer.from(parsed.publicKey.rawData).equals(own)).toBe(true);
});

test('a process that fails is an error, and not a wait without end', async () => {
  await expect(requestInProcess(join(__dirname, 'there-is-no-such-file.js'))).rejects.toThrow('the process that makes certificate requests ended with code 1');
});
