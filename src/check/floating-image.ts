import { defineCheck } from './define';

/** A version beside another one whose image may change under it: what is compared in a canary is not what was deployed. */
export const floatingImage = defineCheck('MW126', 'warning', 'floating-image', ({ services }, report) => {
  for (const { versions } of services) {
    if (versions.length < 2) continue;
    for (const { path, name, pod } of versions) {
      for (const { image, isProxy } of pod.containers) {
        const tag = /@sha256:/.test(image) ? 'digest' : /:([^/:]+)$/.exec(image)?.[1];
        if (isProxy || image === '' || (tag !== undefined && tag !== 'latest')) continue;
        report(path, `image: ${image} (version ${name})`, 'must have a fixed tag or digest: a restarted pod would take another build', `write ${image.replace(/:latest$/, '')}:1.4.2`);
      }
    }
  }
});
