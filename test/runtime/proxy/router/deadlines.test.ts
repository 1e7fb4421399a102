import fc from 'fast-check';
import { VirtualClock } from '../../../../runtime/clock/virtual';
import { Deadline, Deadlines } from '../../../../runtime/proxy/timer';

class Owner {
  readonly passed: [number, number][] = [];
  constructor(private readonly clock: VirtualClock) {}
  onDeadline(kind: number): void {
    this.passed.push([kind, this.clock.now()]);
  }
}

test('a deadline passes at its millisecond, once, unless it was cleared or moved', () => {
  const clock = new VirtualClock();
  const deadlines = new Deadlines(clock);
  const owner = new Owner(clock);
  const [a, b, c] = [0, 1, 2].map((kind) => new Deadline(owner, kind));
  deadlines.set(a, 100, 0);
  clock.advance(40);
  deadlines.set(b, 100, 40);
  deadlines.set(c, 100, 40);
  deadlines.clear(c);
  clock.advance(10);
  deadlines.set(a, 100, 50);
  clock.advance(1000);
  expect(owner.passed).toEqual([[1, 140], [0, 150]]);
  expect([a.set, b.set, c.set]).toEqual([false, false, false]);
  expect(clock.timers).toBe(0);
});

test('all share one timer, which stays when they are cleared, whatever their delays', () => {
  const clock = new VirtualClock();
  const deadlines = new Deadlines(clock);
  const owner = new Owner(clock);
  for (let i = 0; i < 1000; i++) {
    const deadline = new Deadline(owner, i);
    deadlines.set(deadline, 500 + (i % 7) * 10_000, clock.now());
    expect(clock.timers).toBe(1);
    deadlines.clear(deadline);
  }
  clock.advance(500);
  expect(clock.timers).toBe(0);
  expect(owner.passed).toEqual([]);
});

test('one may be set again from within, and closing forgets all', () => {
  const clock = new VirtualClock();
  const deadlines = new Deadlines(clock);
  const times: number[] = [];
  const owner = {
    onDeadline(): void {
      times.push(clock.now());
      deadlines.set(deadline, 10, clock.now());
    },
  };
  const deadline: Deadline = new Deadline(owner, 0);
  deadlines.set(deadline, 10, 0);
  clock.advance(35);
  expect(times).toEqual([10, 20, 30]);
  deadlines.close();
  clock.advance(100);
  expect(times).toHaveLength(3);
  deadlines.set(deadline, 10, clock.now());
  expect([deadline.set, clock.timers]).toEqual([false, 0]);
});

test('whatever is set, moved and cleared: as a timer for each would do', () => {
  const steps = fc.array(fc.oneof(
    fc.record({ kind: fc.constant('set' as const), which: fc.nat(4), delay: fc.constantFrom(1, 5, 20, 100) }),
    fc.record({ kind: fc.constant('clear' as const), which: fc.nat(4), delay: fc.constant(0) }),
    fc.record({ kind: fc.constant('advance' as const), which: fc.constant(0), delay: fc.nat(30) }),
  ), { maxLength: 60 });
  fc.assert(fc.property(steps, (given) => {
    const clock = new VirtualClock();
    const deadlines = new Deadlines(clock);
    const owner = new Owner(clock);
    const all = [0, 1, 2, 3, 4].map((kind) => new Deadline(owner, kind));
    const due = new Map<number, number>();
    const expected: [number, number][] = [];
    for (const { kind, which, delay } of [...given, { kind: 'advance' as const, which: 0, delay: 200 }]) {
      if (kind === 'set') {
        deadlines.set(all[which], delay, clock.now());
        due.set(which, clock.now() + delay);
      } else if (kind === 'clear') {
        deadlines.clear(all[which]);
        due.delete(which);
      } else {
        const until = clock.now() + delay;
        for (const [each, at] of [...due].filter((entry) => entry[1] <= until)) {
          expected.push([each, at]);
          due.delete(each);
        }
        clock.advance(delay);
      }
    }
    const sorted = (list: [number, number][]) => [...list].sort(([k1, t1], [k2, t2]) => t1 - t2 || k1 - k2);
    expect(sorted(owner.passed)).toEqual(sorted(expected));
  }), { numRuns: 500 });
});

test('delays of several turns of the wheel, and a clock that was not looked at for longer than that', () => {
  const clock = new VirtualClock();
  const deadlines = new Deadlines(clock);
  const owner = new Owner(clock);
  const delays = [1, 63, 64, 16_383, 16_384, 16_385, 60_000, 3_600_000];
  delays.forEach((delay) => deadlines.set(new Deadline(owner, delay), delay, clock.now()));
  clock.advance(4_000_000);
  expect(owner.passed).toEqual(delays.map((delay) => [delay, delay]));
  expect(clock.timers).toBe(0);
});

test('where a fault is thrown on, those behind it pass all the same', () => {
  const clock = new VirtualClock();
  const deadlines = new Deadlines(clock);
  const owner = new Owner(clock);
  const broken = { onDeadline: () => { throw new Error('broken'); } };
  deadlines.set(new Deadline(broken, 0), 10, 0);
  deadlines.set(new Deadline(owner, 1), 10, 0);
  deadlines.set(new Deadline(owner, 2), 20, 0);
  expect(() => clock.advance(10)).toThrow('broken');
  clock.advance(20);
  expect(owner.passed.map(([kind]) => kind)).toEqual([1, 2]);
});
