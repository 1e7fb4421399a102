import { App } from 'cdk8s';
import { TestMesh } from 'meshwright/testing';
import { Sensors } from '../../examples/iot/sensors';

const sensors = () => {
  const app = new App();
  new Sensors(app, 'iot');
  return app;
};
const PLACES = { Dublin: ['gc7x', 'eu-west'], Paris: ['u09t', 'eu-west'], Boston: ['drt2', 'us-east'], Mumbai: ['te7u', 'ap-south'] } as const;

async function regionOf(mesh: TestMesh, geohash: string): Promise<string> {
  const answer = await mesh.request('gateway', 'http://ingest/readings/1', { method: 'PUT', headers: { 'x-geohash': geohash }, body: { celsius: 20 } });
  expect(answer.status).toBe(200);
  return answer.json().region as string;
}

test.each(Object.entries(PLACES))('readings of %s go to their region', async (_place, [geohash, region]) => {
  const mesh = await TestMesh.of(sensors());
  for (let i = 0; i < 20; i++) expect(await regionOf(mesh, geohash)).toBe(region);
});

test('a geohash that no region has goes to the region of the gateway', async () => {
  const mesh = await TestMesh.of(sensors());
  const [gateway] = mesh.pods('gateway');
  expect(await regionOf(mesh, 'zzzz')).toBe(gateway!.region);
});

test('a region whose pods are gone hands its readings to the next one, and takes them back', async () => {
  const mesh = await TestMesh.of(sensors());
  const east = mesh.pods('ingest').filter(({ region }) => region === 'us-east');
  for (const { name } of east) await mesh.setReady(name, false);
  for (let i = 0; i < 20; i++) expect(await regionOf(mesh, 'drt2')).toBe('eu-west');
  // Those of the other regions stay where they were.
  expect(await regionOf(mesh, 'te7u')).toBe('ap-south');
  for (const { name } of east) await mesh.setReady(name, true);
  expect(await regionOf(mesh, 'drt2')).toBe('us-east');
});

test('a region that dies unannounced loses no reading: tries go on elsewhere, then its endpoint is ejected', async () => {
  const mesh = await TestMesh.of(sensors());
  for (const { name, region } of mesh.pods('ingest')) if (region === 'ap-south') await mesh.stopPod(name);
  for (let i = 0; i < 30; i++) expect(await regionOf(mesh, 'te7u')).toBe('eu-west');
  const last = mesh.records.filter(({ service, listener }) => service === 'gateway' && listener === 'outbound').at(-1);
  expect(last).toMatchObject({ status: 200, tries: 1 });
});
