import type { Bar, Report } from '../report';
import { machine } from '../report';
import type { Profile, Profiler } from './profiler';

export { Profiler } from './profiler';

const FUNCTIONS = 25;
const OURS = 'meshwright';
const NO_BARS: readonly Bar[] = [];

/** What was profiled of a suite: by the kernel's accounting, by room, and the functions of ours that take most. */
export function profileReports(suite: string, { profiles, hasPerf }: Profiler): Report[] {
  return profiles.flatMap(({ load, of }) => {
    const about = { suite: `${suite} profile`, machine: machine({}), bars: NO_BARS };
    const accounting: Report = {
      ...about, title: `${load}: a request, by the kernel's accounting`, table: of.map(accounted), results: of.map(({ places, ...rest }) => rest),
      notes: hasPerf ? [] : ['Debian\'s linux-perf is not installed: nothing was sampled.'],
    };
    if (!hasPerf) return [accounting];
    const rooms = roomTable(of);
    const functions = of.filter(({ name }) => name.startsWith(OURS)).map((profile): Report => ({
      ...about, title: `${load}: functions of ${profile.name} that take most`, table: functionTable(profile), results: functionTable(profile),
    }));
    return [accounting, { ...about, title: `${load}: µs of processor time a request, by room`, table: rooms, results: rooms }, ...functions];
  });
}

function accounted({ name, units, processor, accounting: { user, system, sleeps, losses } }: Profile): Record<string, string> {
  // The sum is exact, the parts are counted in ticks: they are scaled to it.
  const part = (seconds: number): string => ((processor * seconds) / Math.max(user + system, 1e-9)).toFixed(1);
  return {
    'proxy': name,
    'CPU µs': processor.toFixed(1),
    'user µs': part(user),
    'kernel µs': part(system),
    'kernel': `${((100 * system) / Math.max(user + system, 1e-9)).toFixed(0)} %`,
    'sleeps': (sleeps / units).toFixed(3),
    'lost its core': (losses / units).toFixed(3),
  };
}

/** Of peers what is the kernel's, by call, and the rest as one. */
function roomTable(profiles: readonly Profile[]): Record<string, string>[] {
  const byRoom = new Map<string, Map<string, number>>();
  for (const profile of profiles) {
    for (const { room } of profile.places) {
      const shown = profile.name.startsWith(OURS) || room.startsWith('kernel') ? room : 'all of the program';
      add(byRoom, shown, profile);
      if (profile.name.startsWith(OURS) && !room.startsWith('kernel')) add(byRoom, 'all of the program', profile);
    }
  }
  const most = (columns: Map<string, number>): number => columns.get(OURS) ?? Math.max(...columns.values());
  return [...byRoom]
    .filter(([, columns]) => Math.max(...columns.values()) >= 0.05)
    .sort(([a, x], [b, y]) => order(a) - order(b) || most(y) - most(x))
    .map(([room, columns]) => ({
      room, ...Object.fromEntries(profiles.map(({ name }) => [name, columns.has(name) ? columns.get(name)!.toFixed(2) : ''])),
    }));
}

function add(byRoom: Map<string, Map<string, number>>, room: string, { name, processor, places }: Profile): void {
  let columns = byRoom.get(room);
  if (columns === undefined) byRoom.set(room, columns = new Map());
  columns.set(name, (columns.get(name) ?? 0) + processor / places.length);
}

function order(room: string): number {
  return room.startsWith('kernel') ? 0 : room === 'all of the program' ? 1 : 2;
}

function functionTable({ places, processor }: Profile): Record<string, string>[] {
  const counts = new Map<string, { room: string; name: string; samples: number }>();
  for (const { room, name } of places) {
    const key = `${room}\n${name}`;
    const entry = counts.get(key);
    if (entry === undefined) counts.set(key, { room, name, samples: 1 });
    else entry.samples++;
  }
  return [...counts.values()].sort((a, b) => b.samples - a.samples).slice(0, FUNCTIONS).map(({ room, name, samples }) => ({
    function: name, room, share: `${((100 * samples) / places.length).toFixed(1)} %`, µs: ((processor * samples) / places.length).toFixed(2),
  }));
}
