// The order of the rooms, as rules: a room imports only what stands before it (docs/architecture.md).
const client = [
  'generic',
  'codec',
  'store',
  'limiter',
  'backoff',
  'transports',
  'config',
  'base',
  'source',
  'agent',
  'watch',
];
const broker = ['wire', 'access', 'state', 'delivery', 'core', 'store', 'rpc', 'server', 'cli'];

const roomRules = broker.slice(0, -1).map((room, index) => ({
  name: `broker-${room}-imports-only-rooms-before-it`,
  severity: 'error',
  comment: `${room}/ may import only: proto, ${broker.slice(0, index).join(', ') || 'nothing else'}`,
  from: { path: `^packages/broker/src/${room}/` },
  to: { path: `^packages/broker/src/(${broker.slice(index + 1).join('|')})/` },
}));

const clientRules = client.slice(0, -1).map((room, index) => ({
  name: `client-${room}-imports-only-rooms-before-it`,
  severity: 'error',
  from: { path: `^packages/client/src/${room}/` },
  to: { path: `^packages/client/src/(${client.slice(index + 1).join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...roomRules,
    ...clientRules,
    {
      name: 'core-does-no-io',
      severity: 'error',
      comment:
        'wire, access, state, delivery and core know no socket, file, timer or package: only proto and buffers',
      from: { path: '^packages/broker/src/(wire|state|delivery|core)/' },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev'],
        pathNot: ['^(node:)?buffer$', 'ce-broker-proto', '^proto/'],
      },
    },
    {
      name: 'engines-know-only-the-seam',
      severity: 'error',
      comment: 'An RPC engine carries bytes: it imports nothing of the broker but rpc/',
      from: { path: '^packages/broker/src/rpc/' },
      to: { path: '^packages/broker/src/(?!rpc/)' },
    },
    {
      name: 'only-the-command-line-uses-the-client',
      severity: 'error',
      comment:
        'The broker as a library knows no client; the commands source, agent, pub and sub are built on it (docs/adr/0006)',
      from: { path: '^packages/broker/', pathNot: '^packages/broker/(src/cli|test)/' },
      to: { path: '^packages/client/' },
    },
    {
      name: 'nothing-imports-e2e',
      severity: 'error',
      from: { pathNot: '^packages/e2e/' },
      to: { path: '^packages/e2e/' },
    },
    {
      name: 'client-never-imports-the-broker',
      severity: 'error',
      from: { path: '^packages/client/' },
      to: { path: '^packages/(broker|e2e)/' },
    },
    {
      name: 'proto-stands-alone',
      severity: 'error',
      from: { path: '^proto/src/' },
      to: { path: '^packages/' },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: ['node_modules', 'dist'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
      mainFields: ['main', 'types'],
    },
  },
};
