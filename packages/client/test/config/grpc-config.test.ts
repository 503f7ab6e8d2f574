import { CeBrokerError } from 'ce-broker-proto';
import { describe, expect, test } from 'vitest';
import { parseGrpcConfig } from '../../src/config/grpc-config.js';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const DATA = Buffer.from(PEM).toString('base64');

async function problems(text: string): Promise<CeBrokerError> {
  const thrown: unknown = await parseGrpcConfig(text, 'grpc.yaml').then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof CeBrokerError) return thrown;
  throw new Error('it was taken');
}

describe('a configuration file for gRPC', () => {
  test('of v0.15', async () => {
    const text = `url: "broker.example:8091"
caFile: /etc/ca.pem
clientCertFile: /etc/tls.crt
clientKeyFile: /etc/tls.key
`;
    const { server, config, warnings } = await parseGrpcConfig(text, 'grpc.yaml');
    expect(server).toBe('broker.example:8091');
    expect(config).toMatchObject({
      type: 'grpc',
      url: 'broker.example:8091',
      caFile: '/etc/ca.pem',
      clientCertFile: '/etc/tls.crt',
      clientKeyFile: '/etc/tls.key',
    });
    expect(warnings).toEqual([]);
  });

  test('of v1.3, as YAML and as JSON', async () => {
    const fields = {
      url: '127.0.0.1:8090',
      caData: DATA,
      clientCertData: DATA,
      clientKeyData: DATA,
      token: 'secret',
      keepAliveConfig: { enable: true, time: '20s', timeout: '1m30s', permitWithoutStream: true },
      serverHealthinessTimeout: '20s',
    };
    const yaml = `
url: 127.0.0.1:8090
caData: ${DATA}
clientCertData: >-
  ${DATA}
clientKeyData: &key ${DATA}
token: secret
keepAliveConfig:
  enable: yes
  time: 20000000000
  timeout: 1m30s
  permitWithoutStream: on
serverHealthinessTimeout: 20s
`;
    for (const text of [yaml, JSON.stringify(fields), JSON.stringify(fields, undefined, 2)]) {
      const { config, warnings } = await parseGrpcConfig(text, 'grpc');
      expect(config).toEqual({
        type: 'grpc',
        url: '127.0.0.1:8090',
        caData: Buffer.from(PEM),
        clientCertData: Buffer.from(PEM),
        clientKeyData: Buffer.from(PEM),
        token: 'secret',
        keepAliveConfig: { enable: true, timeMs: 20_000, timeoutMs: 90_000, permitWithoutStream: true },
        serverHealthinessTimeoutMs: 20_000,
      });
      expect(warnings).toEqual([]);
    }
  });

  test('what is empty or null counts as absent, and a token of digits as text', async () => {
    const { config } = await parseGrpcConfig(
      'url: a:1\ncaFile: ca.pem\ncaData:\ntokenFile: ""\ntoken: 0123\nkeepAliveConfig: ~\n',
      'grpc.yaml',
    );
    expect(config).toEqual({ type: 'grpc', url: 'a:1', caFile: 'ca.pem', token: '0123' });
  });

  test('an unknown field is ignored, with a warning that names the one that was meant', async () => {
    const { warnings } = await parseGrpcConfig(
      'url: a:1\nclientCertfile: x\nkeepAliveConfig:\n  times: 20s\n  time: 5s\nsomething: else\nurl: b:1\n',
      'grpc.yaml',
    );
    expect(warnings).toEqual([
      'grpc.yaml:7:1: url is given twice: this one counts',
      'grpc.yaml:2:1: clientCertfile is no field of this configuration, and ignored: is clientCertFile meant?',
      'grpc.yaml:6:1: something is no field of this configuration, and ignored',
      'grpc.yaml:4:3: keepAliveConfig.times is no field of this configuration, and ignored: is time meant?',
      'grpc.yaml:5:9: keepAliveConfig.time: 5s is raised to 10s, the least',
    ]);
  });

  test.each([
    ['', 'url', 'grpc.yaml:1:1: url is required'],
    ['caFile: x\nurl: ""', 'url', 'grpc.yaml:2:1: url is required'],
    ['url: http://a:1', 'url', 'grpc.yaml:1:6: url: "http://a:1" is no address'],
    ['url: [a, b]', 'url', 'grpc.yaml:1:1: url must be text'],
    ['url: a:1\ncaFile: {}', 'caFile', 'grpc.yaml:2:9: caFile must be text'],
    ['url: a:1\ncaData: "???"', 'caData', 'grpc.yaml:2:9: caData must be base64 of PEM, not "???"'],
    ['url: a:1\ncaData: aGVsbG8=', 'caData', 'grpc.yaml:2:9: caData is base64, but not of PEM'],
    [
      'url: a:1\ncaData: |\n  -----BEGIN CERTIFICATE-----\n  MIIB',
      'caData',
      'grpc.yaml:2:9: caData must be base64 of PEM, not the PEM itself',
    ],
    [`url: a:1\ncaData: x\ncaFile: y`, 'caData', 'grpc.yaml:2:9: caData must be base64'],
    [`url: a:1\ncaFile: y\ncaData: ${DATA}`, 'caData', 'grpc.yaml:3:1: caData and caFile are both given'],
    [
      'url: a:1\ncaFile: y\ntoken: a\ntokenFile: b',
      'token',
      'grpc.yaml:3:1: token and tokenFile are both given',
    ],
    [
      'url: a:1\ncaFile: y\nclientCertFile: x',
      'clientCertFile',
      'grpc.yaml:3:1: clientCertFile needs clientKeyFile beside it',
    ],
    [
      'url: a:1\ncaFile: y\nclientKeyFile: x',
      'clientKeyFile',
      'grpc.yaml:3:1: clientKeyFile needs clientCertFile beside it',
    ],
    [
      'url: a:1\nclientCertFile: x\nclientKeyFile: x',
      'clientCertFile',
      'grpc.yaml:2:1: clientCertFile needs caFile beside it',
    ],
    ['url: a:1\ntokenFile: x', 'tokenFile', 'grpc.yaml:2:1: tokenFile needs caFile beside it'],
    ['url: a:1\ntoken: x', 'token', 'grpc.yaml:2:1: token needs caFile beside it'],
    ['url: a:1\nkeepAliveConfig: 3', 'keepAliveConfig', 'grpc.yaml:2:18: keepAliveConfig must be a mapping'],
    [
      'url: a:1\nkeepAliveConfig:\n  enable: maybe',
      'keepAliveConfig.enable',
      'grpc.yaml:3:11: keepAliveConfig.enable must be true or false, not "maybe"',
    ],
    [
      'url: a:1\nkeepAliveConfig: { permitWithoutStream: 1 }',
      'keepAliveConfig.permitWithoutStream',
      'grpc.yaml:2:41: keepAliveConfig.permitWithoutStream must be true or false',
    ],
    [
      'url: a:1\nkeepAliveConfig:\n  time: 20',
      'keepAliveConfig.time',
      'grpc.yaml:3:9: keepAliveConfig.time must be a duration of at least 1ms, such as 20s or 1m30s (20 alone would be nanoseconds)',
    ],
    [
      'url: a:1\nkeepAliveConfig:\n  timeout: soon',
      'keepAliveConfig.timeout',
      'grpc.yaml:3:12: keepAliveConfig.timeout must be a duration',
    ],
    [
      'url: a:1\nserverHealthinessTimeout: -5s',
      'serverHealthinessTimeout',
      'grpc.yaml:2:27: serverHealthinessTimeout must be a duration of at least 1ms',
    ],
    ['url: a:1\n  b: [', '', 'grpc.yaml:2:'],
    ['{"url": "a:1",', '', 'grpc.yaml:1:'],
    ['- url', '', 'grpc.yaml:1:1: this must be a mapping of fields to values'],
  ])('%j is refused, naming the place', async (text, field, message) => {
    const error = await problems(text);
    expect(error.code).toBe('invalid_config');
    expect(error.message).toContain(message);
    expect(error.field).toBe(field);
  });

  test.each([
    ['a: b: c', 'this is neither YAML nor JSON'],
    ['url: a:1\n  b: [', 'this is neither YAML nor JSON'],
    ['{"url": "a:1",', 'this is neither YAML nor JSON'],
    ['- url', 'grpc.yaml:1:1: this must be a mapping of fields to values'],
    ['a:1', 'grpc.yaml:1:1: this must be a mapping of fields to values'],
    ['url: [1]', 'grpc.yaml:1:1: url must be text'],
    ['url: {}', 'grpc.yaml:1:6: url must be text'],
    ['url: 8090', 'grpc.yaml:1:6: url must be text, not 8090'],
    ['url: on', 'grpc.yaml:1:6: url: "on" has no port'],
    ['url: 127.0.0.1', 'grpc.yaml:1:6: url: "127.0.0.1" has no port: it must be HOST:PORT'],
    ['url: a:1\ncaFile: 3', 'grpc.yaml:2:9: caFile must be text, not 3'],
    ['url: a:1\ncaFile: 3\ntoken: t', 'grpc.yaml:2:9: caFile must be text, not 3'],
    ['url: a:1\ncaFile: [c]\ntoken: t', 'grpc.yaml:2:1: caFile must be text'],
    ['url: a:1\ncaFile: c\ntokenFile: true', 'grpc.yaml:3:12: tokenFile must be text, not true'],
    [
      'caFile: ca.pem\nbrokerHost: x:1883\nkeepAlive: 3',
      'grpc.yaml:2:1: brokerHost is of a configuration of type mqtt, which is not in this version of ce-broker-client: use one of type grpc',
    ],
    [
      'bootstrapServer: x:9092\ngroupID: g',
      'grpc.yaml:1:1: bootstrapServer is of a configuration of type kafka, which is not in this version',
    ],
  ])('%j: nothing else is said to be wrong', async (text, message) => {
    const error = await problems(text);
    expect(error.code).toBe('invalid_config');
    for (const line of error.message.split('\n')) expect(line).toContain(message);
    expect(error.message).not.toContain('is required');
  });

  test('an unknown field stands beside what is wrong, which it may be the reason of', async () => {
    const error = await problems('cafile: x\nurll: x:1\ntoken: t\n');
    expect(error).toMatchObject({ code: 'invalid_config', field: 'url' });
    expect(error.message.split('\n')).toEqual([
      "grpc.yaml:1:1: url is required: HOST:PORT of the server's gRPC port",
      'grpc.yaml:1:1: cafile is no field of this configuration, and ignored: is caFile meant?',
      'grpc.yaml:2:1: urll is no field of this configuration, and ignored: is url meant?',
      'grpc.yaml:3:1: token needs caFile beside it: without TLS the token would cross the network in plain text',
    ]);
  });

  test('all that is wrong is told at once, in the order of the file', async () => {
    const error = await problems('tokenFile: t\nkeepAliveConfig:\n  time: x\ncaData: "?"\n');
    expect(error.message.split('\n').map((line) => line.split(' ')[0])).toEqual([
      'grpc.yaml:1:1:',
      'grpc.yaml:3:9:',
      'grpc.yaml:4:9:',
    ]);
  });
});
