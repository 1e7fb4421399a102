import { OptionsError, parseOptions } from '../../../runtime/control-plane/options';

test('what is not said has a value on loopback', () => {
  expect(parseOptions(['--source', 'folder:a', '--source', 'folder:/b'])).toEqual({
    folders: ['a', '/b'], kubernetes: undefined, consul: undefined, xdsAddress: { host: '127.0.0.1', port: 15010 }, adminAddress: { host: '127.0.0.1', port: 15014 }, statusFile: undefined, logLevel: 'info',
    authority: undefined, trustDomain: undefined, tokens: undefined, trustBundle: undefined, certificateAddress: { host: '127.0.0.1', port: 15012 },
  });
});

test('the API of a cluster: the pod\'s own, or that of a kubeconfig; only one', () => {
  expect(parseOptions(['--source', 'kubernetes'])).toMatchObject({ folders: [], kubernetes: { kubeconfig: undefined } });
  expect(parseOptions(['--source', 'kubernetes:/etc/kube:config', '--source', 'folder:x'])).toMatchObject({ folders: ['x'], kubernetes: { kubeconfig: '/etc/kube:config' } });
  expect(() => parseOptions(['--source', 'kubernetes', '--source', 'kubernetes:b'])).toThrow('--source is "kubernetes:b": one Kubernetes API is enough');
});

test('Consul is beside another source, by the address of one agent', () => {
  expect(parseOptions(['--source', 'kubernetes', '--source', 'consul:https://consul.example:8501'])).toMatchObject({ consul: 'https://consul.example:8501' });
  expect(() => parseOptions(['--source', 'consul:http://a:1'])).toThrow('--source consul:http://a:1 has only endpoints: name a folder or kubernetes beside it');
  expect(() => parseOptions(['--source', 'folder:a', '--source', 'consul:10.0.0.1'])).toThrow('--source is "consul:10.0.0.1": must be the address of one Consul agent');
  expect(() => parseOptions(['--source', 'folder:a', '--source', 'consul:http://a:1', '--source', 'consul:http://b:1'])).toThrow('one Consul agent');
});

test('who signs: a Secret that is there or is made, or a file; for one trust domain', () => {
  const options = (...args: string[]) => parseOptions(['--source', 'kubernetes', ...args]);
  expect(options('--authority', 'secret:ca', '--trust-domain', 'shop.example')).toMatchObject({ authority: { kind: 'secret', name: 'ca', make: false }, trustDomain: 'shop.example' });
  expect(options('--authority', 'make:ca', '--trust-domain', 'a')).toMatchObject({ authority: { kind: 'secret', name: 'ca', make: true } });
  expect(options('--authority', 'file:/state/ca.json', '--trust-domain', 'a', '--tokens', 't.json')).toMatchObject({ authority: { kind: 'file', file: '/state/ca.json' }, tokens: 't.json' });
  expect(() => options('--authority', 'secret:ca')).toThrow('--trust-domain is missing');
  expect(() => options('--authority', 'vault:ca', '--trust-domain', 'A_b')).toThrow(new OptionsError([
    '--authority is "vault:ca": must be secret:NAME, make:NAME or file:FILE', '--trust-domain is "A_b": must be a name such as shop.example',
  ].join('\n')));
});

test('addresses of both families, and names', () => {
  expect(parseOptions(['--source', 'folder:a', '--xds-address', '[::1]:1', '--admin-address', 'localhost:0', '--log-level', 'warn'])).toMatchObject({
    xdsAddress: { host: '::1', port: 1 }, adminAddress: { host: 'localhost', port: 0 }, logLevel: 'warning',
  });
});

test('everything that is wrong at once', () => {
  expect(() => parseOptions(['--source', 'cloud', '--xds-address', '15010', '--admin-address', 'a:99999', '--log-level', 'loud'])).toThrow(new OptionsError([
    '--source is "cloud": must be folder:DIR, kubernetes, kubernetes:KUBECONFIG or consul:URL',
    '--xds-address is "15010": must be HOST:PORT, such as 0.0.0.0:15010 or [::1]:15010',
    '--admin-address is "a:99999": must be HOST:PORT, such as 0.0.0.0:15014 or [::1]:15014',
    '--log-level is "loud": must be one of debug, info, warning, error',
  ].join('\n')));
  expect(() => parseOptions([])).toThrow('--source is missing');
  expect(() => parseOptions(['--sauce', 'x'])).toThrow(OptionsError);
  expect(parseOptions(['--help'])).toBeUndefined();
});
