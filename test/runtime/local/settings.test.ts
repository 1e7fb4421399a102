import { imageName, imageSettings, parseSettings } from '../../../runtime/local/settings';

test('an image with a tag goes before the one of every tag', () => {
  const settings = parseSettings('images:\n  shop/payment: { command: [one] }\n  shop/payment:2: { command: [two] }\n', '/shop/meshwright.local.yaml');
  expect(imageSettings(settings, 'shop/payment:1')?.command).toEqual(['one']);
  expect(imageSettings(settings, 'shop/payment:2')?.command).toEqual(['two']);
  expect(imageSettings(settings, 'shop/other:2')).toBeUndefined();
  expect(settings.folder).toBe('/shop');
});

test('a registry port is no tag', () => {
  expect(imageName('registry:5000/shop/payment')).toBe('registry:5000/shop/payment');
  expect(imageName('registry:5000/shop/payment:1.2')).toBe('registry:5000/shop/payment');
  expect(imageName('shop/payment@sha256:00')).toBe('shop/payment');
});

test('every mistake is said at once, with its path', () => {
  const text = 'images:\n  a: { command: [] }\nload:\n  - { from: x, url: "ftp://y", requestsPerSecond: -1 }\nother: 1\n';
  expect(() => parseSettings(text, 'file.yaml')).toThrow(/images\.a\.command[^]*load\.0\.url[^]*load\.0\.requestsPerSecond[^]*other/);
});

test('a token of the load has to be there', () => {
  const text = (name: string) => `tokens:\n  ann: { issuer: https://login.example }\nload:\n  - { from: x, url: 'http://y/', requestsPerSecond: 1, headers: { authorization: 'Bearer $(token:${name})' } }\n`;
  expect(parseSettings(text('ann'), 'file.yaml').tokens).toEqual({ ann: { issuer: 'https://login.example', claims: {} } });
  expect(() => parseSettings(text('eve'), 'file.yaml')).toThrow('file.yaml:\n  load.0.headers.authorization: there is no "eve" in tokens');
});

test('an empty file is one without settings', () => {
  expect(parseSettings('', 'file.yaml')).toMatchObject({ images: {}, outside: {}, tokens: {}, load: [] });
});
