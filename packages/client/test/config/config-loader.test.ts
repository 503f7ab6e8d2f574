import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  buildCloudEventsAgentOptions,
  buildCloudEventsSourceOptions,
} from '../../src/config/build-options.js';
import { ConfigLoader } from '../../src/config/config-loader.js';
import { CONFIG_TYPE_GRPC, CONFIG_TYPE_KAFKA, CONFIG_TYPE_MQTT } from '../../src/config/config-type.js';

describe('ConfigLoader', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ce-broker-client-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  test('gives the server, and what the builders take', async () => {
    const path = join(folder, 'grpc.yaml');
    await writeFile(path, 'url: 127.0.0.1:8090\nserverHealthinessTimeout: 20s\n');
    const { server, config } = await new ConfigLoader(CONFIG_TYPE_GRPC, path).loadConfig();
    expect(server).toBe('127.0.0.1:8090');
    const source = buildCloudEventsSourceOptions(config, 'client-1', 'source-1', { rateLimit: { qps: 5 } });
    expect(source).toMatchObject({
      sourceId: 'source-1',
      rateLimit: { qps: 5 },
      cloudEventsOptions: { server: 'grpc 127.0.0.1:8090', heartbeatTimeoutMs: 20_000 },
    });
    const agent = buildCloudEventsAgentOptions(config, 'cluster-1', 'agent-1');
    expect(agent).toMatchObject({ clusterName: 'cluster-1', agentId: 'agent-1' });
  });

  test('a file that is not there is named', async () => {
    const path = join(folder, 'absent.yaml');
    await expect(new ConfigLoader('grpc', path).loadConfig()).rejects.toMatchObject({
      code: 'unreadable_file',
      message: expect.stringContaining(path),
    });
  });

  test.each([CONFIG_TYPE_MQTT, CONFIG_TYPE_KAFKA])('%s is said to come later', async (type) => {
    const later = {
      code: 'unimplemented',
      field: 'type',
      message: expect.stringContaining(`${type} is not in this version`),
    };
    await expect(new ConfigLoader(type, 'x').loadConfig()).rejects.toMatchObject(later);
    expect(() => buildCloudEventsSourceOptions({ type }, 'c', 's')).toThrow(`${type} is not in this version`);
  });

  test('a kind that there is not is refused in the words of Go', async () => {
    await expect(new ConfigLoader('smtp', 'x').loadConfig()).rejects.toMatchObject({
      code: 'invalid_option',
      message: expect.stringContaining('unsupported config type "smtp"'),
    });
    expect(() => buildCloudEventsAgentOptions({ type: 'smtp' }, 'c', 'a')).toThrow(
      'unsupported client configuration type "smtp"',
    );
    expect(() => buildCloudEventsAgentOptions({ type: 'grpc' }, 'c', 'a')).toThrow('url is required');
    expect(() => buildCloudEventsAgentOptions({ url: '' }, 'c', 'a')).toThrow('must be HOST:PORT');
    expect(() => buildCloudEventsAgentOptions({ url: 'x' }, 'c', 'a')).toThrow('must be HOST:PORT');
  });
});
