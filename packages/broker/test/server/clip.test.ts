import { describe, expect, it } from 'vitest';
import { kubernetesRefusal } from '../../src/index.js';
import { clipStatus, LONGEST_STATUS } from '../../src/server/clip.js';
import { refusalText } from '../../src/server/refusal.js';

const encoded = (text: string) => encodeURIComponent(text).replaceAll('%20', ' ').length;

describe('status texts', () => {
  it('fit into a trailer once they are percent-encoded, whatever they are written in', () => {
    for (const letter of ['x', '€', '🌍', '%', '\n']) {
      const clipped = clipStatus(letter.repeat(5000));
      expect(encoded(clipped.replace(/[\ud800-\udbff](?![\udc00-\udfff])/g, ''))).toBeLessThanOrEqual(
        LONGEST_STATUS,
      );
      expect(clipped.length).toBeGreaterThan(200);
    }
    expect(clipStatus('short')).toBe('short');
  });

  it('of a Kubernetes refusal stay JSON', () => {
    const text = refusalText(kubernetesRefusal({ message: '€'.repeat(3900), reason: 'Invalid', code: 422 }));
    expect(JSON.parse(text)).toMatchObject({ ErrStatus: { reason: 'Invalid', code: 422 } });
    expect(encodeURIComponent(text).length).toBeLessThan(3 * LONGEST_STATUS);
  });
});
