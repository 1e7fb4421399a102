/** Where the sensors' readings come in. It passes each on with the geohash of its sensor, by which the mesh picks the region. */
import { startService } from '../../service-kit';

startService('gateway', {
  'POST /readings': async ({ body, upstream }) => {
    const { sensor, geohash, celsius } = (body ?? {}) as { sensor?: string; geohash?: string; celsius?: number };
    if (!sensor || !geohash || typeof celsius !== 'number') return { status: 400, body: { error: 'sensor, geohash and celsius are needed' } };
    const { status, body: answer } = await upstream.call(`http://ingest/readings/${encodeURIComponent(sensor)}`, {
      method: 'PUT', body: { celsius }, headers: { 'x-geohash': geohash },
    });
    return { status, body: answer };
  },
});
