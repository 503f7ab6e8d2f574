import { describe, expect, test } from 'vitest';
import { connectGrpc, grpcOptions } from '../../src/transports/grpc/grpc-events-options.js';
import { checkOptionNames } from '../../src/transports/known-options.js';

const NAMES = { caFile: true, url: true } as const;

describe('options that there are not', () => {
  test.each([
    [{ cafile: 'x' }, '', 'cafile', 'cafile is no option: is caFile meant?'],
    [{ urls: 'x' }, 'inner', 'inner.urls', 'inner.urls is no option: is url meant?'],
    [{ somethingElse: 1 }, '', 'somethingElse', 'somethingElse is no option: there are caFile, url'],
    [3, 'inner', 'inner', 'inner must be an object of caFile, url'],
    [[], '', 'options', 'options must be an object of caFile, url'],
    [undefined, '', 'options', 'options must be an object of caFile, url'],
    [null, 'inner', 'inner', 'inner must be an object of caFile, url'],
  ])('%j are refused by name', (given, within, field, message) => {
    expect(() => checkOptionNames(given, NAMES, within)).toThrow(
      expect.objectContaining({ code: 'invalid_option', field, message }),
    );
  });

  test('what is absent is not given', () => {
    checkOptionNames({ url: 'x', caFiles: undefined }, NAMES);
    checkOptionNames(undefined, NAMES, 'inner');
  });

  test('so is a word for the extension service that there is not', () => {
    expect(() => grpcOptions({ url: '127.0.0.1:1', extension: 'on' as 'auto' })).toThrow(
      expect.objectContaining({ code: 'invalid_option', field: 'extension' }),
    );
  });

  test('are refused before plain text goes out in place of TLS', async () => {
    const options = { url: '127.0.0.1:1', cafile: 'x' };
    expect(() => grpcOptions(options)).toThrow('cafile is no option: is caFile meant?');
    await expect(connectGrpc(options)).rejects.toThrow('cafile is no option: is caFile meant?');
  });
});
