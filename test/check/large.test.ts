import { checkGraph } from '../../src/check';
import { graph, retry, service } from './builders';

const THIRTY_RETRIES = { spec: { retry: retry(1, '10ms') } };

test('a chain of calls that is longer than any stack is deep', () => {
  const length = 20_000;
  const chain = Array.from({ length }, (_, index) => service(`s${index}`, { calls: index + 1 < length ? [`s${index + 1}`] : [], ...(index > length - 6 ? THIRTY_RETRIES : {}) }));
  // Five calls of two tries each: the bound of 16 is passed once.
  expect(checkGraph(graph(...chain)).map(({ code, path }) => [code, path])).toEqual([['MW117', `shop/s${length - 6}`]]);
});

test('more paths than could ever be walked: 2^60 of them', () => {
  const layers = 60;
  const ladder = Array.from({ length: layers }, (_, layer) => ['a', 'b'].map((side) => (
    service(`${side}${layer}`, { calls: layer + 1 < layers ? [`a${layer + 1}`, `b${layer + 1}`] : [] })
  ))).flat();
  expect(checkGraph(graph(...ladder))).toEqual([]);
});

test('everybody calls everybody: every service is in a cycle with every other', () => {
  const names = Array.from({ length: 40 }, (_, index) => `s${index}`);
  const mesh = graph(...names.map((name) => service(name, { calls: names.filter((other) => other !== name) })));
  expect(checkGraph(mesh)).toEqual([]);
});

test('the order of the services does not change what is found', () => {
  const parts = [
    service('web', { calls: ['cart', 'bank'] }), service('cart', { calls: ['payment'], spec: { retry: retry(3, '10ms') } }),
    service('payment', { calls: ['bank'], spec: { retry: retry(3, '10ms') } }), service('bank', { replicas: 1, spec: { retry: retry(3, '10ms', { methods: ['POST'] }) } }),
    service('order', { calls: ['web', 'nobody'] }),
  ];
  const found = checkGraph(graph(...parts));
  expect(found.map(({ code }) => code)).toEqual(['MW116', 'MW101', 'MW117']);
  expect(checkGraph(graph(...[...parts].reverse()))).toEqual(found);
});
