// An OpenID provider as it is run: oidc-provider, with keys that its first line of standard input brings, as a JWK Set; each next line changes them. It gives
// access tokens that are JWTs (RFC 9068) for client credentials, signed by the algorithm that the resource names: urn:payment:RS256.
//
//   node serve.mjs HOST PORT [CERTIFICATE KEY]        prints "ready PORT" after each change of keys; with files of a certificate it speaks TLS
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

const [host, port, certificate, key] = process.argv.slice(2);
let callback;
const answer = (request, response) => callback(request, response);
const server = certificate ? createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, answer) : createServer(answer);

function provide(jwks) {
  const provider = new Provider(`${certificate ? 'https' : 'http'}://${host}:${server.address().port}`, {
    jwks,
    clients: [{
      client_id: 'mesh', client_secret: 'a-secret-of-this-test', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
      id_token_signed_response_alg: jwks.keys[0].alg,
    }],
    scopes: ['payments:read', 'payments:write'],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: 'payments:read payments:write', audience: resource.split(':')[1], accessTokenFormat: 'jwt', accessTokenTTL: 300,
          jwt: { sign: { alg: resource.split(':')[2] } },
        }),
      },
    },
  });
  callback = provider.callback();
}

server.listen(Number(port), host, () => {
  createInterface({ input: process.stdin }).on('line', (line) => {
    provide(JSON.parse(line));
    console.log(`ready ${server.address().port}`);
  }).on('close', () => process.exit());
});
