import { systemClock } from '../../clock';
import { BootstrapError } from '../bootstrap/types';
import { systemResolver } from '../config/system-resolver';
import { requestInProcess } from '../identity';
import { createLog } from '../observe/log';
import { chooseTransport } from '../transport';
import { Agent } from './agent';
import { parseOptions, USAGE } from './options';

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  if (!options) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const log = createLog(systemClock, options.logLevel);
  // The clock's timers do not keep the process.
  setInterval(() => undefined, 2 ** 31 - 1);
  const { transport } = await chooseTransport(systemClock);
  const agent = new Agent(options, {
    clock: systemClock, random: Math.random, log, transport, makeRequest: requestInProcess, resolve: async (name) => systemResolver.resolve(name, 'all'),
  });
  const stop = (): void => void agent.close().finally(() => process.exit(0));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  await agent.start();
  log.info('agent', 'started', { health: agent.healthPort, relay: agent.relayPort });
}

void main(process.argv.slice(2)).catch((error: unknown) => {
  const log = createLog(systemClock, 'info');
  if (error instanceof BootstrapError) log.critical('agent', 'cannot start', { source: error.source, problems: error.problems });
  else log.critical('agent', 'cannot start', { error });
  process.exit(1);
});
