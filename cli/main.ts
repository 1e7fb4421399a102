import { help } from './help';
import { up } from './up';
import { version } from './version';

/** A verb of the command line: its arguments in, the exit code out. */
type Command = (args: readonly string[]) => Promise<number> | number;

const COMMANDS: Readonly<Record<string, Command>> = { up, version, help, '--version': version, '-v': version, '--help': help, '-h': help };

async function main([verb = 'help', ...args]: readonly string[]): Promise<number> {
  const command = Object.hasOwn(COMMANDS, verb) ? COMMANDS[verb] : undefined;
  if (!command) {
    process.stderr.write(`meshwright: no command ${JSON.stringify(verb)}; meshwright help lists them\n`);
    return 2;
  }
  return command(args);
}

main(process.argv.slice(2)).then((code) => {
  // The process ends when nothing is left to do: what is not written yet still goes out.
  process.exitCode = code;
}, (error: Error) => {
  process.stderr.write(`meshwright: ${error.message}\n`);
  process.exitCode = 1;
});
