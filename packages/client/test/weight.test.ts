import { expect, it } from 'vitest';
import type { CloudEventTransport } from '../src/index.js';

it('exports the seam of the clients, which is a type: importing the package brings no code along', async () => {
  const exported: Record<string, unknown> = await import('../src/index.js');
  expect(Object.keys(exported)).toEqual([]);
  const closed: Pick<CloudEventTransport, 'close'> = { close: async () => {} };
  await closed.close();
});
