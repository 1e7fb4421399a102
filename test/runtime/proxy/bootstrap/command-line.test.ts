import { parseCommandLine } from '../../../../runtime/proxy/bootstrap/command-line';

function problems(...args: string[]): readonly string[] {
  try {
    parseCommandLine(args);
    return [];
  } catch (error) {
    return (error as { problems: string[] }).problems;
  }
}

describe('command line', () => {
  test('the least', () => {
    expect(parseCommandLine(['-c', 'b.yaml'])).toEqual({
      configPath: 'b.yaml',
      concurrency: 1,
      configYaml: undefined,
      node: {},
      drainTime: 600_000,
      drainGrace: undefined,
      logLevel: 'info',
      mode: 'serve',
      snapshotPath: undefined,
      healthAddress: undefined,
      appProbes: new Map(),
    });
    expect(parseCommandLine(['--help'])).toBeUndefined();
  });

  test('everything', () => {
    expect(parseCommandLine(['--config-path=b.yaml', '--config-yaml', 'node: {}', '--service-node', 'n', '--service-cluster', 'c', '--service-zone', 'z',
      '--concurrency', '8', '--drain-time-s', '5', '--drain-grace-s', '2', '-l', 'warn', '--mode', 'validate', '--snapshot-path', '/s', '--health-address', '[::1]:15020',
      '--app-probes', '{"/app-health/app/readiness":{"httpGet":{"port":8080,"path":"ready"},"timeoutSeconds":2}}'], '24.0.0')).toEqual({
      configPath: 'b.yaml',
      concurrency: 8,
      configYaml: 'node: {}',
      node: { id: 'n', cluster: 'c', zone: 'z' },
      drainTime: 5_000,
      drainGrace: 2_000,
      logLevel: 'warning',
      mode: 'validate',
      snapshotPath: '/s',
      healthAddress: { host: '::1', port: 15020 },
      appProbes: new Map([['/app-health/app/readiness', { kind: 'httpGet', port: 8080, path: '/ready', secure: false, headers: [], timeout: 2000 }]]),
    });
  });

  test.each([['20.16.0', false], ['22.20.0', false], ['23.0.0', false], ['23.1.0', true], ['24.0.0', true]])('several workers on Node.js %s', (version, possible) => {
    const parse = () => parseCommandLine(['-c', 'b.yaml', '--concurrency', '2'], version);
    if (possible) expect(parse()!.concurrency).toBe(2);
    else expect(parse).toThrow(`--concurrency: 2 threads share their ports (SO_REUSEPORT), and Node.js ${version} cannot do that: run the proxy with Node.js 23.1 or later`);
  });

  test('every mistake at once', () => {
    expect(problems('--concurrency', '0', '--drain-time-s', 'x', '--log-level', 'loud', '--mode', 'init_only', '--health-address', 'localhost:1')).toEqual([
      '--config-path or --config-yaml is required',
      '--concurrency: 0 must be a number of threads from 1 to 64',
      '--drain-time-s: x must be a number of seconds',
      '--log-level: loud must be one of trace, debug, info, warning, error, critical, off',
      '--mode: init_only must be serve or validate',
      '--health-address: localhost:1 must be IP:PORT, such as 0.0.0.0:15020 or [::1]:15020',
    ]);
    const probes = {
      '/ready': { tcpSocket: { port: 0 } }, '/app-health/a/liveness': { httpGet: { port: 1, scheme: 'FTP', path: 'a b', httpHeaders: [{ name: 'x y', value: 'secret' }] } },
      '/app-health/a/startup': { grpc: { port: 1 }, tcpSocket: { port: 1 }, timeoutSeconds: -1 },
    };
    expect(problems('-c', 'x', '--app-probes', JSON.stringify(probes))).toEqual([
      '--app-probes: /ready: must be /app-health/CONTAINER/startup, readiness or liveness',
      '--app-probes: /ready: port: 0 must be a port',
      '--app-probes: /app-health/a/liveness: path: "a b" must be a path',
      '--app-probes: /app-health/a/liveness: scheme: "FTP" must be HTTP or HTTPS',
      '--app-probes: /app-health/a/liveness: httpHeaders: "x y" must be a header',
      '--app-probes: /app-health/a/startup: must have one of httpGet, tcpSocket, grpc',
      '--app-probes: needs --health-address, where they are answered',
    ]);
    expect(problems('-c', 'x', '--drain-time-s', '3', '--drain-grace-s', '4')).toEqual(['--drain-grace-s: 4 must be a number of seconds within --drain-time-s 3']);
    expect(problems('-c', 'x', '--app-probes', '[]')).toEqual(['--app-probes: must be a JSON object of probes by path']);
    expect(problems('-c', 'x', '--base-id', '1')).toEqual(["Unknown option '--base-id'", '--config-path or --config-yaml is required']);
  });
});
