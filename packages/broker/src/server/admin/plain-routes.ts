import type { Metrics } from '../metrics.js';
import type { BrokerStatus } from '../snapshot.js';
import type { AdminRoute } from './route.js';

/** What probes and scrapers read; nothing here shows a payload. */
export function plainRoutes(status: () => BrokerStatus, metrics: Metrics): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/metrics',
      who: 'everybody',
      answer: async () => ({ text: await metrics.render(), contentType: metrics.contentType }),
    },
    {
      method: 'GET',
      path: '/healthz',
      who: 'everybody',
      answer: () => ({ text: 'ok\n', contentType: 'text/plain' }),
    },
    {
      method: 'GET',
      path: '/readyz',
      who: 'everybody',
      answer: () => {
        const { state } = status();
        const [text, code] = state === 'serving' ? ['ready', 200] : [state, 503];
        return { text: `${text}\n`, contentType: 'text/plain', status: Number(code) };
      },
    },
    { method: 'GET', path: '/status', who: 'everybody', answer: () => ({ json: status() }) },
  ];
}
