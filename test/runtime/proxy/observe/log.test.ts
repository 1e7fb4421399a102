import { VirtualClock } from '../../../../runtime/clock/virtual';
import { createLog } from '../../../../runtime/proxy/observe/log';

describe('the proxy\'s own log', () => {
  test('one JSON object a line; what is below the level is not written', () => {
    const lines: string[] = [];
    const log = createLog(new VirtualClock(Date.UTC(2026, 0, 1)), 'info', (line) => lines.push(line));
    log.debug('a', 'not this');
    log.warning('ads', 'stream ended', { address: '127.0.0.1:1', big: 1n });
    log.error('main', 'plain');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { time: '2026-01-01T00:00:00.000Z', level: 'warning', component: 'ads', message: 'stream ended', fields: { address: '127.0.0.1:1', big: '1' } },
      { time: '2026-01-01T00:00:00.000Z', level: 'error', component: 'main', message: 'plain' },
    ]);
    expect(lines.every((line) => line.endsWith('\n'))).toBe(true);
  });

  test('secrets are not shown, errors with their stack', () => {
    const lines: string[] = [];
    const log = createLog(new VirtualClock(), 'info', (line) => lines.push(line));
    log.info('a', 'b', { Authorization: 'Basic x', nested: { set_cookie: 'y', api_token: 'z' }, error: new Error('why') });
    expect(lines[0]).not.toMatch(/Basic|"y"|"z"/);
    expect(lines[0]).toMatch(/Error: why\\n\s+at /);
  });
});
