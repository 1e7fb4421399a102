/** Stands for the screening service of others, api.screening.example, where the bank runs on a laptop: it knows one account that nobody may pay to. */
import { startService } from '../../service-kit';

const SANCTIONED = new Set(['mallory']);

startService('screening', {
  'POST /screenings': ({ body }) => {
    const { from, to } = (body ?? {}) as { from?: string; to?: string };
    return { body: { cleared: ![from, to].some((account) => account !== undefined && SANCTIONED.has(account)) } };
  },
});
