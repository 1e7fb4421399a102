import { defineCheck } from './define';

/** Meshes that both inject: pods ask by one label, whoever it is that answers. */
export const severalInjectors = defineCheck('MW161', 'warning', 'several-injectors', ({ meshes }, report) => {
  const [first, ...others] = meshes.filter(({ spec }) => spec.injection !== undefined);
  for (const { path } of others) {
    report(
      path,
      `injection, beside that of ${first!.path}`,
      'which of them takes a pod is the order of their webhooks\' names: pods of all namespaces ask by one label',
      'have one of the meshes inject',
    );
  }
});
