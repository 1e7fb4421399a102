/** Our control plane on a mesh in memory, for the suite `control-plane`: node server.js SCOPE PORT. A line on its standard input changes one endpoint. */
import { createInterface } from 'node:readline';
import { systemClock } from '../../runtime/clock';
import { ControlPlane, type Documents, type Source } from '../../runtime/control-plane';
import { MeshVersions, type Scope } from './mesh';

const [scope, port] = process.argv.slice(2) as [Scope, string];

/** Tells of every version at once, as a watch of Kubernetes does. */
class Versions implements Source {
  readonly name = 'memory';
  private listener: (documents: Documents) => void = () => {};
  private readonly versions = new MeshVersions(scope);
  private version = 0;

  subscribe(listener: (documents: Documents) => void): () => void {
    this.listener = listener;
    return () => { this.listener = () => {}; };
  }

  async start(): Promise<void> {
    this.listener(this.versions.at(this.version));
  }

  change(): void {
    this.version += 1;
    this.listener(this.versions.at(this.version));
  }

  async close(): Promise<void> {}
}

const source = new Versions();
const controlPlane = new ControlPlane({ source, clock: systemClock, xdsAddress: { host: '127.0.0.1', port: Number(port) } });
void controlPlane.start().then(() => console.log('ready'));
createInterface({ input: process.stdin }).on('line', () => source.change()).on('close', () => process.exit());
