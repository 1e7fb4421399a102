import { applicationsIn, doubles } from './containers';
import { defineCheck } from './define';

/** A variable that stands twice: the last one wins, or one is lost with the next apply. */
export const duplicateEnvironment = defineCheck('MW131', 'error', 'duplicate-environment', (graph, report) => {
  for (const { path, container } of applicationsIn(graph)) {
    for (const name of doubles(container.env)) {
      report(path, `container ${container.name}: env ${name} stands twice`, 'names of variables must be unique in the container', 'take one of them out');
    }
  }
});
