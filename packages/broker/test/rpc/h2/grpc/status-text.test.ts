import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeStatusText } from '../../../../src/rpc/h2/grpc/status-text.js';

/** As every gRPC client reads it. */
function decoded(text: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '%') {
      bytes.push(Number.parseInt(text.slice(at + 1, at + 3), 16));
      at += 2;
    } else {
      bytes.push(text.charCodeAt(at));
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

describe('grpc-message', () => {
  it.each([
    ['', ''],
    ['plain text, "quoted" ~', 'plain text, "quoted" ~'],
    ['100 %', '100 %25'],
    ['two\nlines\r\0', 'two%0Alines%0D%00'],
    ['größer', 'gr%C3%B6%C3%9Fer'],
    ['\u{1f600}', '%F0%9F%98%80'],
    ['\x7f', '%7F'],
    [' in blanks ', '%20in blanks%20'],
    [' ', '%20'],
  ])('%j goes out as %j', (text, encoded) => {
    expect(encodeStatusText(text)).toBe(encoded);
  });

  it('a lone surrogate becomes the replacement character', () => {
    expect(encodeStatusText('a\ud800b')).toBe('a%EF%BF%BDb');
    expect(encodeStatusText('\udc00')).toBe('%EF%BF%BD');
  });

  it('any text comes back, in visible ASCII and inner blanks only', () => {
    const anyText = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));
    fc.assert(
      fc.property(anyText, (text) => {
        const encoded = encodeStatusText(text);
        expect(encoded).toMatch(/^([!-~]([ -~]*[!-~])?)?$/);
        expect(decoded(encoded)).toBe(Buffer.from(text, 'utf8').toString('utf8'));
      }),
      { numRuns: 500 },
    );
  });
});
