import { expect, test } from 'vitest';
import { parseConfig } from '../../src/cli/serve/config-file.js';
import { resolveSettings } from '../../src/cli/serve/resolve-settings.js';
import { flagOf, settingKeys, variableOf } from '../../src/cli/serve/settings.js';
import { cli, Folder } from './support/cli.js';

function mistakes(text: string): string[] {
  try {
    parseConfig(text, 'broker.yaml');
  } catch (error) {
    return String((error as Error).message).split('\n');
  }
  return [];
}

test('YAML and JSON say the same', () => {
  const yaml = parseConfig(
    '# ours\nlisten: 127.0.0.1:9000\nadmin: none\nheartbeatInterval: 1m30s\n',
    '/etc/x/broker.yaml',
  );
  const json = parseConfig(
    '{"listen": "127.0.0.1:9000",\n\t"admin": "none", "heartbeatInterval": "1m30s"}',
    'broker.json',
  );
  expect(yaml).toEqual({ listen: '127.0.0.1:9000', admin: false, heartbeatInterval: 90_000 });
  expect(json).toEqual(yaml);
});

test('a file of comments alone says nothing', () => {
  expect(parseConfig('# nothing yet\n', 'broker.yaml')).toEqual({});
});

test('relative paths start at the folder of the file', () => {
  const { tlsCert, tlsKey } = parseConfig(
    'tlsCert: certs/server.crt\ntlsKey: /keys/server.key\n',
    '/etc/x/broker.yaml',
  );
  expect([tlsCert, tlsKey]).toEqual(['/etc/x/certs/server.crt', '/keys/server.key']);
});

test('every mistake is told with its line and column', () => {
  expect(mistakes('listen: 127.0.0.1:9000\nheartbeatIntervall: 10s\nstore: disk\n  ')).toEqual([
    'broker.yaml:3:8: store is "disk": it must be lmdb or memory or none',
    'broker.yaml:2:1: unknown key "heartbeatIntervall"; did you mean heartbeatInterval?',
  ]);
  expect(mistakes('maxMessageBytes: lots\n')).toEqual([
    'broker.yaml:1:18: maxMessageBytes is "lots": it must be a number of bytes, for example 4194304 or 4MiB',
  ]);
  expect(mistakes('heartbeatInterval: 10\n')[0]).toContain(
    'broker.yaml:1:20: heartbeatInterval is 10: it must be a duration',
  );
  expect(mistakes('{"listen":\n  "nowhere"}')[0]).toContain(
    'broker.yaml:2:3: listen is "nowhere": it must be HOST:PORT',
  );
});

test('broken YAML and JSON are told with line and column', () => {
  expect(mistakes('listen: "127.0.0.1:0\nadmin: none\n')[0]).toMatch(/^broker\.yaml:\d+:\d+: .*quote/);
  expect(mistakes('listen: a\nlisten: b\n')[0]).toMatch(/^broker\.yaml:2:1: .*unique/);
  expect(mistakes('- listen\n')[0]).toMatch(/^broker\.yaml:1:1: must hold settings/);
  expect(mistakes('{"listen": }x')[0]).toMatch(/^broker\.yaml:1:\d+: /);
});

test('a flag comes before its variable, a variable before the file', async () => {
  using folder = new Folder();
  const config = folder.file('broker.yaml', 'listen: 127.0.0.1:1\nadmin: 127.0.0.1:2\nstore: none\n');
  const variables = {
    CE_BROKER_LISTEN: '127.0.0.1:3',
    CE_BROKER_ADMIN: '127.0.0.1:4',
    CE_BROKER_ORPHANS: '',
  };
  const { settings, origins } = await resolveSettings({ config, listen: '127.0.0.1:5' }, variables);
  expect(settings).toEqual({ listen: '127.0.0.1:5', admin: '127.0.0.1:4', store: 'none' });
  expect([...origins.values()]).toEqual(['--listen', 'CE_BROKER_ADMIN', `store in ${config}`]);
});

test('the file may be named by a variable', async () => {
  using folder = new Folder();
  const CE_BROKER_CONFIG = folder.file('broker.yaml', 'orphans: forward\n');
  expect((await resolveSettings({}, { CE_BROKER_CONFIG })).settings).toEqual({ orphans: 'forward' });
});

test('the flags, variables and keys of the contract are all there', () => {
  expect(settingKeys.map(flagOf)).toEqual([
    ...[
      '--listen',
      '--admin',
      '--store',
      '--data-dir',
      '--history',
      '--data-types',
      '--orphans',
      '--mass-deletion',
      '--rpc-engine',
      '--http2',
      '--tls-cert',
      '--tls-key',
      '--client-ca',
      '--token-file',
    ],
    ...[
      '--allow-anonymous',
      '--max-message-bytes',
      '--heartbeat-interval',
      '--drain-timeout',
      '--log-level',
      '--log-format',
    ],
  ]);
  expect(variableOf('maxMessageBytes')).toBe('CE_BROKER_MAX_MESSAGE_BYTES');
});

test('limits of the engine: with units, in a file as a map, elsewhere as a list', async () => {
  const http2 = { maxConnectionAgeMs: 3_600_000, maxHeaderListBytes: 65_536, pingsPerSecond: 50 };
  const file = parseConfig(
    'rpcEngine: h2\nhttp2: {maxConnectionAge: 1h, maxHeaderListBytes: 64KiB, pingsPerSecond: 50}\n',
    'broker.yaml',
  );
  expect(file).toEqual({ rpcEngine: 'h2', http2 });
  const text = 'maxConnectionAge=1h, maxHeaderListBytes=64KiB,pingsPerSecond=50';
  expect((await resolveSettings({ http2: text }, {})).settings).toEqual({ http2 });
  const variables = { CE_BROKER_RPC_ENGINE: 'grpc-js', CE_BROKER_HTTP2: text };
  expect((await resolveSettings({}, variables)).settings).toEqual({ rpcEngine: 'grpc-js', http2 });
});

test('a limit of the engine that is wrong is named', () => {
  expect(mistakes('rpcEngine: http2\n')).toEqual([
    'broker.yaml:1:12: rpcEngine is "http2": it must be h2 or grpc-js',
  ]);
  expect(mistakes('http2: {pingPerSecond: 5}\n')[0]).toContain(
    'broker.yaml:1:8: http2 has no "pingPerSecond"; did you mean pingsPerSecond?',
  );
  for (const [member, message] of [
    ['pingsPerSecond: 0', 'pingsPerSecond of http2 is 0: it must be a whole number from 1 to 1000000'],
    ['pingsPerSecond: 1.5', 'pingsPerSecond of http2 is 1.5: it must be a whole number from 1 to 1000000'],
    ['prefaceTimeout: 5ms', 'prefaceTimeout of http2 is "5ms": it must be from 100ms to 24h'],
    ['prefaceTimeout: 5', 'prefaceTimeout of http2 is 5: it must be a duration'],
    ['maxHeaderListBytes: 2MiB', 'maxHeaderListBytes of http2 is "2MiB": it must be from 1KiB to 1MiB'],
  ])
    expect(mistakes(`http2: {${member}}\n`)[0]).toContain(message);
  for (const whole of ['[1]', '7', '"fast"', '"a=b c"'])
    expect(mistakes(`http2: ${whole}\n`)[0]).toContain('it must be maxConnectionAge=1h,pingsPerSecond=50');
});

test('limits of an engine that is not chosen are refused in the words of the user', async () => {
  const { code, stderr } = await cli(['serve', '--rpc-engine', 'grpc-js', '--http2', 'pingsPerSecond=5']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^ce-broker: --http2 sets limits of the engine "h2", and rpcEngine is "grpc-js"/);
});

test('a variable that is wrong is named', async () => {
  const { code, stderr } = await cli(['serve'], { env: { CE_BROKER_STORE: 'disk' } });
  expect(code).toBe(2);
  expect(stderr).toBe('ce-broker: CE_BROKER_STORE is "disk": it must be lmdb or memory or none\n');
});

test('a bad file ends the command with its line and column', async () => {
  using folder = new Folder();
  const config = folder.file('broker.yaml', 'listen: 127.0.0.1:0\nlogLevl: debug\n');
  const { code, stdout, stderr } = await cli(['--config', config]);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toBe(`ce-broker: ${config}:2:1: unknown key "logLevl"; did you mean logLevel?\n`);
});

test('a file that is not there is named', async () => {
  const { code, stderr } = await cli(['--config', '/no/such/broker.yaml']);
  expect(code).toBe(2);
  expect(stderr).toContain('cannot read the configuration file /no/such/broker.yaml');
});

test('policies of data types come from a file, and each mistake in them is named', () => {
  const path = 'broker.yaml';
  const text = 'dataTypes:\n  com.example.v1.widgets: {keep: latest, secret: true}\nhistory: 3\n';
  expect(parseConfig(text, path)).toEqual({
    dataTypes: { 'com.example.v1.widgets': { keep: 'latest', secret: true } },
    history: 3,
  });
  const [keep] = mistakes('listen: 127.0.0.1:1\ndataTypes:\n  com.example.v1.widgets: {keep: forever}\n');
  expect(keep).toMatch(
    /^broker\.yaml:3:34: dataTypes\["com\.example\.v1\.widgets"\]\.keep is "forever": it must be/,
  );
  const many = [
    'dataTypes:',
    '  widgets: {}',
    '  com.example.v1.gadgets:',
    '    keep: latest',
    '    secret: maybe',
    '    kept: none',
    '  com.example.v1.things: 5',
  ];
  expect(mistakes(many.join('\n'))).toEqual([
    expect.stringMatching(/^broker\.yaml:2:12/),
    expect.stringMatching(/^broker\.yaml:5:13/),
    expect.stringMatching(/^broker\.yaml:6:11/),
    expect.stringMatching(/^broker\.yaml:7:26/),
  ]);
  expect(mistakes('dataTypes:\n  widgets: {}\n')[0]).toContain('a data type is <group>.<version>.<resource>');
  expect(mistakes('history: 0\n')[0]).toBe(
    'broker.yaml:1:10: history is "0": it must be a whole number from 1 to 100',
  );
});
