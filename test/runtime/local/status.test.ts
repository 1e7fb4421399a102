import { readRefusals, refusals } from '../../../runtime/local/status';

const object = (...conditions: [type: string, status: string, reason: string, message: string][]) => ({
  kind: 'MeshService', namespace: 'shop', name: 'payment', location: 'shop.yaml:7',
  conditions: conditions.map(([type, status, reason, message]) => ({ type, status, reason, message })),
});

test('what is refused is told, what only waits is not', () => {
  const told = (...conditions: Parameters<typeof object>) =>
    refusals(JSON.stringify({ objects: [object(...conditions)] })).map(({ message }) => message);
  expect(told(['Accepted', 'True', 'Accepted', ''], ['Programmed', 'False', 'Pending', '3 of 5'])).toEqual([]);
  expect(told(['Accepted', 'False', 'Invalid', 'spec.timeout'], ['Programmed', 'False', 'NotAccepted', 'no proxy'])).toEqual(['spec.timeout']);
  expect(told(['ResolvedRefs', 'False', 'BackendNotFound', 'no Service'])).toEqual(['no Service']);
  expect(told(['Programmed', 'False', 'Refused', 'a proxy says no'])).toEqual(['a proxy says no']);
});

test('a file that cannot be read is told with its place', () => {
  expect(refusals('{"unreadable":[{"location":"a.yaml:3","message":"no YAML"}]}')).toEqual([{ where: 'a.yaml:3', message: 'no YAML' }]);
  expect(readRefusals('/nowhere/status.json')).toEqual([]);
});
