import type { Clock } from '../../../../runtime/clock';
import { LoopDelay } from '../../../../runtime/proxy/observe/loop-delay';

test('what timers came late by, of the last minute', () => {
  let now = 0;
  let fire = (): void => undefined;
  let cancelled = 0;
  const clock: Clock = {
    now: () => now,
    wallTime: () => 0,
    setTimer: (_, callback) => {
      fire = callback;
      return { cancel: () => void cancelled++ };
    },
  };
  const delay = new LoopDelay(clock);
  expect(delay.quantile(0.5)).toBe(0);
  for (const late of [1, 2, 3, 100]) {
    now += 250 + late;
    fire();
  }
  expect([delay.quantile(0.5), delay.quantile(0.75), delay.quantile(0.99)]).toEqual([2, 3, 100]);
  for (let i = 0; i < 240; i++) {
    now += 250;
    fire();
  }
  expect(delay.quantile(0.99)).toBe(0);
  delay.close();
  expect(cancelled).toBe(1);
});
