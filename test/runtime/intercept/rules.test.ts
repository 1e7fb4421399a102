import { parseOptions, OptionsError } from '../../../runtime/intercept/options';
import { rulesText } from '../../../runtime/intercept/rules';
import { interceptArguments, interceptContainer } from '../../../src/contract';

test('the rules of a pod that excludes nothing', () => {
  expect(rulesText(parseOptions(interceptArguments({}))!)).toMatchSnapshot();
});

test('the rules of one that excludes something of everything, each family by its own', () => {
  expect(rulesText(parseOptions(interceptArguments({
    excludeInboundPorts: [9090, 15020], excludeOutboundPorts: [3306, 5432], excludeOutboundCidrs: ['10.20.0.0/16', 'fd00:20::/32', '169.254.169.254/32'], excludeUids: [0],
  }))!)).toMatchSnapshot();
});

test('the init container has one capability, and nothing of the disk', () => {
  expect(interceptContainer('meshwright/proxy:0', { excludeOutboundPorts: [5432] })).toMatchSnapshot();
});

test('all that is wrong is said at once, and nothing of it reaches nft', () => {
  const wrong = ['--inbound-port', '0', '--exclude-uids', 'root', '--exclude-inbound-ports', '80,99999', '--exclude-outbound-cidrs', '10.0.0.0/33,fd00::/129,0.0.0.0/0; flush ruleset'];
  expect(() => parseOptions(wrong)).toThrow(OptionsError);
  expect(() => parseOptions(wrong)).toThrow(expect.objectContaining({
    message: [
      '--outbound-port is missing',
      '--inbound-port has "0": must be a whole number from 1 to 65535',
      '--exclude-uids has "root": must be a whole number from 0 to 4294967294',
      '--exclude-inbound-ports has "99999": must be a whole number from 1 to 65535',
      '--exclude-outbound-cidrs has "10.0.0.0/33": must be a network such as 10.20.0.0/16 or fd00:20::/32',
      '--exclude-outbound-cidrs has "fd00::/129": must be a network such as 10.20.0.0/16 or fd00:20::/32',
      '--exclude-outbound-cidrs has "0.0.0.0/0; flush ruleset": must be a network such as 10.20.0.0/16 or fd00:20::/32',
    ].sort().join('\n'),
  }));
  expect(() => parseOptions(['--inbound-port', '1', '--outbound-port', '2'])).toThrow(/--exclude-uids is missing/);
});
