import { refusal, shopChart } from './program';
import { REFUSED_PROGRAMS } from './refused-programs';

// Each says the construct's path, the bad value, the rule and the fix, in one line. The texts are reviewed in the snapshot like an interface.
test.each(REFUSED_PROGRAMS.map((program) => [program.name, program] as const))('%s', (_, { build }) => {
  const chart = shopChart();
  build(chart);
  expect(refusal(chart)).toMatchSnapshot();
});
