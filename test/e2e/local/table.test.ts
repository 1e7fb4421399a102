import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { askProgram, expectAnswer, shopTable, type ShopAnswer } from '../support/shop-table';
import { RunningShop } from './shop';

jest.setTimeout(120_000);

const run = promisify(execFile);
let shop: RunningShop;
beforeAll(async () => {
  shop = await RunningShop.start('127.99.0.0/16');
  await shop.ready();
});
afterAll(async () => shop.stop());

test.each(shopTable)('$name', async (one) => {
  const [{ address }] = shop.pods(one.from);
  const { stdout } = await run(process.execPath, ['-e', askProgram, address, JSON.stringify([one.request])]);
  const [answer] = JSON.parse(stdout) as ShopAnswer[];
  expectAnswer(one, answer);
});
