import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const propertySeed = fileURLToPath(new URL('scripts/lib/property-seed.mjs', import.meta.url));

const project = (name, root) => ({
  test: {
    name,
    root,
    include: ['test/**/*.test.ts'],
    setupFiles: [propertySeed],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
  },
});

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      project('proto', 'proto'),
      project('broker', 'packages/broker'),
      project('client', 'packages/client'),
      project('e2e', 'packages/e2e'),
    ],
  },
});
