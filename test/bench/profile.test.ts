import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { profileReports, type Profiler } from '../../bench/profile';
import { Rooms } from '../../bench/profile/rooms';
import { parseSamples } from '../../bench/profile/samples';

/** As `perf script -F pid,ip,sym,symoff,dso` prints it. */
const SCRIPT = `
 4242 
\tffffffff8131f5b0 tcp_sendmsg+0x20 ([kernel.kallsyms])
\tffffffff8131f000 ksys_write+0x6b ([kernel.kallsyms])
\t    7f30a1b2c3d4 __libc_write+0x14 (/usr/lib/libc.so.6)

 4242 
\t    3f30a1b2c3d4 JS:*forwardRequest /app/lib/runtime/proxy.js:2:11+0x40 (/tmp/perf-4242.map)

 4242 
\t    3f30a1b2c3d5 Builtins_ArrayPrototypePush+0x12 (/opt/node/bin/node)
\t    3f30a1b2c3d6 JS:^flush node:internal/timers:9:3+0x1 (/tmp/perf-4242.map)

 4242 
\t         1b2c3d4 v8::internal::Scavenger::Process(v8::JobDelegate*)+0x99 (/opt/node/bin/node)

 4242 
\t         1b2c3d4 aesni_gcm_encrypt+0x99 (/opt/node/bin/node)

 4242 
\tffffffff8131f5b0 timer_interrupt+0x20 ([kernel.kallsyms])`;

// Line 2, column 11 of the bundle is line 1 of runtime/proxy/http1/forward.ts.
const MAP = { version: 3, sources: ['../../runtime/proxy/http1/forward.ts'], names: [], mappings: ';UAAA' };

describe('profiles', () => {
  const folder = mkdtempSync(join(tmpdir(), 'profile-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function places() {
    const file = join(folder, 'proxy.js.map');
    writeFileSync(file, JSON.stringify(MAP));
    const rooms = new Rooms(file);
    return parseSamples(SCRIPT).map((sample) => rooms.placeOf(sample));
  }

  test('samples go to the call into the kernel, the folder of the source, or what Node does', () => {
    expect(places()).toEqual([
      { room: 'kernel: send', name: 'write' },
      { room: 'HTTP/1.1: heads and bodies', name: 'forwardRequest (http1/forward.ts)' },
      { room: 'Node, JavaScript', name: 'flush (node:internal/timers)' },
      { room: 'V8: garbage collection', name: 'v8::internal::Scavenger::Process' },
      { room: 'OpenSSL', name: 'aesni_gcm_encrypt' },
      { room: 'kernel: other', name: 'timer_interrupt' },
    ]);
  });

  test('a table of rooms in microseconds of a request; of peers only what is the kernel\'s is told apart', () => {
    const accounting = { user: 2, system: 1, sleeps: 50, losses: 10 };
    const of = ['nginx', 'meshwright'].map((name) => ({ name, units: 100, processor: 12, accounting, places: places() }));
    const [accounted, rooms, functions] = profileReports('h1', { hasPerf: true, profiles: [{ load: 'requests', of }] } as unknown as Profiler);
    expect(accounted.table[0]).toEqual({
      'proxy': 'nginx', 'CPU µs': '12.0', 'user µs': '8.0', 'kernel µs': '4.0', 'kernel': '33 %', 'sleeps': '0.500', 'lost its core': '0.100',
    });
    expect(rooms.table).toEqual([
      { room: 'kernel: send', nginx: '2.00', meshwright: '2.00' },
      { room: 'kernel: other', nginx: '2.00', meshwright: '2.00' },
      { room: 'all of the program', nginx: '8.00', meshwright: '8.00' },
      { room: 'HTTP/1.1: heads and bodies', nginx: '', meshwright: '2.00' },
      { room: 'Node, JavaScript', nginx: '', meshwright: '2.00' },
      { room: 'V8: garbage collection', nginx: '', meshwright: '2.00' },
      { room: 'OpenSSL', nginx: '', meshwright: '2.00' },
    ]);
    expect(functions.table).toHaveLength(6);
  });

  test('without the sampler there is what the kernel accounts', () => {
    const of = [{ name: 'nginx', units: 1, processor: 1, accounting: { user: 0, system: 0, sleeps: 0, losses: 0 }, places: [] }];
    const reports = profileReports('h1', { hasPerf: false, profiles: [{ load: 'requests', of }] } as unknown as Profiler);
    expect(reports).toHaveLength(1);
    expect(reports[0].notes?.[0]).toMatch(/linux-perf is not installed/);
  });
});
