import { Chart, Testing, Yaml } from 'cdk8s';
import { Mesh, MeshProps, MeshService, MeshServiceProps, ServicePort } from '../src';

const YAML = Symbol('manifest');

expect.addSnapshotSerializer({
  test: (value) => value !== null && typeof value === 'object' && YAML in value,
  serialize: (value) => value[YAML].trimEnd(),
});

/** A chart with a namespace, as every program of a test begins. */
export function shopChart(): Chart {
  return new Chart(Testing.app(), 'shop', { namespace: 'shop' });
}

export function shopMesh(chart: Chart, props: Partial<MeshProps> = {}): Mesh {
  return new Mesh(chart, 'mesh', { trustDomain: 'shop.example', ...props });
}

/** A service with nothing but what is required. */
export function service(mesh: Mesh, id: string, props: Partial<MeshServiceProps> = {}): MeshService {
  return new MeshService(Chart.of(mesh), id, { mesh, image: `shop/${id}:1.0.0`, port: ServicePort.http(8080), ...props });
}

/** The one emitted object of that kind and name. */
export function emitted(chart: Chart, kind: string, name: string): any {
  const found = Testing.synth(chart).filter((object) => object.kind === kind && object.metadata.name === name);
  if (found.length !== 1) throw new Error(`${found.length} objects ${kind}/${name}`);
  return found[0];
}

/** A value that a snapshot shows as YAML. */
export function yaml(value: unknown): object {
  return { [YAML]: Yaml.stringify(value) };
}

/** What synth says is wrong: one line each, without the heading of cdk8s. */
export function refusal(chart: Chart): string {
  try {
    Testing.synth(chart);
  } catch (error) {
    return (error as Error).message.split('\n').slice(1).map((line) => line.trim()).join('\n');
  }
  return 'nothing';
}

/** What is written to standard error meanwhile. */
export function warnings(run: () => void): string {
  const written: string[] = [];
  const write = jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  try {
    run();
  } finally {
    write.mockRestore();
  }
  return written.join('');
}
