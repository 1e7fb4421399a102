// Before everything else: what it switches off is what loading the others would use.
import './start-small';
import { systemClock } from '../clock';
import { parseCommandLine, USAGE, type CommandLine } from './bootstrap/command-line';
import { loadBootstrap } from './bootstrap/load';
import { BootstrapError } from './bootstrap/types';
import { compact, startIsOver } from './memory';
import { createLog, type Log } from './observe/log';
import { ProxyServer, type WorkerSettings } from './server';

/** Set once the start is over. */
let running: ProxyServer | undefined;

/** The process: signals, exit codes, errors that nobody caught. */
async function main(args: readonly string[]): Promise<void> {
  const log = createLog(systemClock, 'info');
  // Before all is there nobody knows what is missing; after that it is one fault of many parts that go on.
  process.on('uncaughtException', (error) => (running ? running.fault(error) : fatal(log, 'uncaught exception', error)));
  process.on('unhandledRejection', (error) => (running ? running.fault(error) : fatal(log, 'unhandled rejection', error)));
  // Node's own listener prints them as text.
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.warning('main', warning.message, { name: warning.name }));
  try {
    const commandLine = parseCommandLine(args);
    if (!commandLine) {
      process.stdout.write(`${USAGE}\n`);
      return;
    }
    if (commandLine.mode === 'validate') await validate(commandLine);
    else await serve(commandLine);
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    log.critical('main', 'cannot start', { source: error.source, problems: error.problems });
    // Not by exitCode: signals are listened for already, and nothing would end.
    process.exit(1);
  }
}

async function validate(commandLine: CommandLine): Promise<void> {
  await loadBootstrap(commandLine);
  process.stdout.write(`configuration '${commandLine.configPath ?? '--config-yaml'}' OK\n`);
}

async function serve(commandLine: CommandLine): Promise<void> {
  const log = createLog(systemClock, commandLine.logLevel);
  let server: ProxyServer | undefined;
  // The clock's timers do not keep the process, and while the control plane is away there may be nothing else.
  setInterval(() => undefined, 2 ** 31 - 1);
  let signals = 0;
  const stop = (): void => {
    signals++;
    // Whoever asks twice does not want to wait; nor does whoever asks before there is anything to drain.
    if (signals > 1 || !server) process.exit(signals > 1 ? 1 : 0);
    void server.shutdown().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGUSR1', () => server?.reopenLogs());
  // Only who has workers loads them.
  const workers = async (settings: WorkerSettings) => (await import('./worker/start')).startWorkers(settings);
  server = await ProxyServer.start(commandLine, {
    clock: systemClock, random: Math.random, log, quit: stop, workers, configured: () => setImmediate(compact),
  });
  running = server;
  startIsOver();
}

function fatal(log: Log, message: string, error: unknown): never {
  log.critical('main', message, { error });
  process.exit(1);
}

void main(process.argv.slice(2));
