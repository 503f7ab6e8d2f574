import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBinary, encodeBinary, isBinary } from '../../../../src/rpc/h2/grpc/binary-metadata.js';

describe('-bin metadata', () => {
  it('is told by its name', () => {
    expect(isBinary('trace-bin')).toBe(true);
    expect(isBinary('-bin')).toBe(true);
    expect(isBinary('bin')).toBe(false);
    expect(isBinary('trace-bin-x')).toBe(false);
  });

  it.each([
    ['', ['']],
    ['YQ==', ['a']],
    ['YQ', ['a']],
    ['YWI=', ['ab']],
    ['YWI', ['ab']],
    ['YWJj', ['abc']],
    ['YQ,YWI=,YWJj', ['a', 'ab', 'abc']],
    ['YQ== , YWI', ['a', 'ab']],
    ['YQ,,YQ', ['a', '', 'a']],
  ])('%j is %j', (text, values) => {
    expect(decodeBinary(text)?.map(String)).toEqual(values);
  });

  it.each(['Y', 'YQ=', 'YQ===', '=', 'Y Q', 'YQ-_', 'a=b', 'YQ,Y', '\u00ff'])('%j is no base64', (text) => {
    expect(decodeBinary(text)).toBeUndefined();
  });

  it('any values come back, as they go out, padded, or joined', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array(), { minLength: 1 }), fc.boolean(), (values, padded) => {
        const encoded = values.map((bytes) =>
          padded ? Buffer.from(bytes).toString('base64') : encodeBinary(bytes),
        );
        const expected = values.map((bytes) => Buffer.from(bytes));
        expect(decodeBinary(encoded.join(','))).toEqual(expected);
      }),
    );
  });
});
