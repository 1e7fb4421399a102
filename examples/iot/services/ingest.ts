/** Stores the last reading of each sensor and tells the analytics of its region. */
import { startService } from '../../service-kit';

const MOST_SENSORS = 100_000;
const readings = new Map<string, number>();

startService('ingest', {
  'PUT /readings/:sensor': async ({ params, body, upstream }) => {
    const { celsius } = body as { celsius: number };
    readings.set(params.sensor!, celsius);
    if (readings.size > MOST_SENSORS) readings.delete(readings.keys().next().value!);
    const told = await upstream.call(`http://analytics/sensors/${encodeURIComponent(params.sensor!)}`, { method: 'PUT', body: { celsius } });
    // A reading that is stored counts, whether or not somebody analysed it at once.
    return { status: 202, body: { sensor: params.sensor, celsius, analysed: told.status < 300 } };
  },
});
