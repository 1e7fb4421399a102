import type { EventLoopUtilization } from 'node:perf_hooks';
import type { Clock } from '../../clock';
import type { Families } from './families';
import { LoopDelay } from './loop-delay';

export interface BuildInfo {
  readonly version: string;
  /** Which backend moves the bytes. */
  readonly transport: string;
}

/** Metrics of the process: memory, processor, event loop, and which version it is. */
export class ProcessMetrics {
  private readonly delay: LoopDelay;
  private readonly started: number;
  private utilization: EventLoopUtilization = performance.eventLoopUtilization();

  constructor(private readonly clock: Clock, private readonly build: BuildInfo) {
    this.started = clock.now();
    this.delay = new LoopDelay(clock);
  }

  /** Seconds since the start. */
  get uptime(): number {
    return Math.floor((this.clock.now() - this.started) / 1_000);
  }

  collect(into: Families, live: boolean): void {
    const gauge = (name: string, help: string, stat: string, value: number): void => into.gauge(name, help, stat).add({}, value);
    const memory = process.memoryUsage();
    const cpu = process.cpuUsage();
    gauge('envoy_server_live', 'Whether the server serves and does not drain', 'server.live', Number(live));
    gauge('envoy_server_uptime', 'Seconds since the start', 'server.uptime', this.uptime);
    gauge('envoy_server_memory_allocated', 'Bytes of the heap in use', 'server.memory_allocated', memory.heapUsed);
    gauge('envoy_server_memory_heap_size', 'Bytes of the heap', 'server.memory_heap_size', memory.heapTotal);
    gauge('process_resident_memory_bytes', 'Resident memory', 'process.resident_memory_bytes', memory.rss);
    into.counter('process_cpu_seconds_total', 'Processor time, user and system', 'process.cpu_seconds_total').add({}, (cpu.user + cpu.system) / 1e6);
    const used = performance.eventLoopUtilization();
    gauge('meshwright_event_loop_utilization', 'Part of the time since the last look that the event loop was busy', 'event_loop.utilization',
      performance.eventLoopUtilization(used, this.utilization).utilization);
    this.utilization = used;
    const delay = into.gauge('meshwright_event_loop_delay_seconds', 'What timers came late by in the last minute',
      'event_loop.delay_seconds.p{quantile}');
    for (const quantile of [0.5, 0.99]) delay.add({ quantile: String(quantile) }, this.delay.quantile(quantile) / 1_000);
    into.gauge('meshwright_build_info', 'Version of the proxy', 'server.build.{version}')
      .add({ version: this.build.version, node: process.version, transport: this.build.transport }, 1);
  }

  close(): void {
    this.delay.close();
  }
}
