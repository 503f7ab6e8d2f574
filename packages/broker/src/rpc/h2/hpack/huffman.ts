import { CODE_LENGTHS, CODES, EOS } from './huffman-code.js';

/**
 * Huffman coding of strings (RFC 7541 §5.2, Appendix B). Decoding takes four bits at a time through a table of states: each inner node
 * of the code's tree is one, and no code is so short that four bits end two symbols.
 */
const EMITS = 1 << 16;
const FAILS = 1 << 17;

interface DecodingTables {
  /** By state * 16 + the next four bits: the state that follows in the low byte, the symbol above it, EMITS, FAILS. */
  readonly steps: Int32Array;
  /** Whether a string may end in a state: after at most seven bits, all ones (§5.2). */
  readonly mayEnd: Uint8Array;
}

const { steps: STEPS, mayEnd: MAY_END } = decodingTables();

/** Returned for what is not a Huffman-coded string: it holds EOS, or its padding is wrong. */
export const NOT_HUFFMAN = -1;

/**
 * Decodes the bytes from `start` to `end` into `target`, and returns how many bytes they make: what does not fit into `target` is
 * checked and counted but not kept. NOT_HUFFMAN when they hold the symbol EOS or do not end in at most seven ones.
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
  const room = target.length;
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    let step = STEPS[(state << 4) | (byte >> 4)] ?? FAILS;
    if (step >= EMITS) {
      if (step >= FAILS) return NOT_HUFFMAN;
      if (length < room) target[length] = step >> 8;
      length++;
    }
    step = STEPS[((step & 0xff) << 4) | (byte & 0xf)] ?? FAILS;
    if (step >= EMITS) {
      if (step >= FAILS) return NOT_HUFFMAN;
      if (length < room) target[length] = step >> 8;
      length++;
    }
    state = step & 0xff;
  }
  return MAY_END[state] === 1 ? length : NOT_HUFFMAN;
}

/** Bytes that the characters of `text`, each a byte, have when coded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += CODE_LENGTHS[text.charCodeAt(i) & 0xff] ?? 0;
  return (bits + 7) >>> 3;
}

/** Codes the characters of `text`, each a byte, into `target` from `at`, and returns where they end. */
export function huffmanEncode(text: string, target: Uint8Array, at: number): number {
  let waiting = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i) & 0xff;
    let length = CODE_LENGTHS[byte] ?? 0;
    let code = CODES[byte] ?? 0;
    // A code of up to 30 bits goes in two parts, so that no more than 7 + 15 bits are ever at hand.
    if (length > 15) {
      const low = length - 15;
      waiting = (waiting << 15) | (code >>> low);
      bits += 15;
      while (bits >= 8) {
        bits -= 8;
        target[at++] = waiting >>> bits;
      }
      waiting &= (1 << bits) - 1;
      length = low;
      code &= (1 << low) - 1;
    }
    waiting = (waiting << length) | code;
    bits += length;
    while (bits >= 8) {
      bits -= 8;
      target[at++] = waiting >>> bits;
    }
    waiting &= (1 << bits) - 1;
  }
  if (bits > 0) target[at++] = (waiting << (8 - bits)) | (0xff >> bits);
  return at;
}

function decodingTables(): DecodingTables {
  // children[2 * node + bit]: an inner node, or ~symbol.
  const children: number[] = [0, 0];
  for (let symbol = 0; symbol <= EOS; symbol++) {
    const code = CODES[symbol] ?? 0;
    let node = 0;
    for (let bit = (CODE_LENGTHS[symbol] ?? 0) - 1; bit > 0; bit--) {
      const slot = 2 * node + ((code >>> bit) & 1);
      let next = children[slot] ?? 0;
      if (next === 0) {
        next = children.length / 2;
        children[slot] = next;
        children.push(0, 0);
      }
      node = next;
    }
    children[2 * node + (code & 1)] = ~symbol;
  }
  const states = children.length / 2;
  const steps = new Int32Array(states * 16);
  for (let state = 0; state < states; state++) {
    for (let nibble = 0; nibble < 16; nibble++) steps[state * 16 + nibble] = walk(children, state, nibble);
  }
  const mayEnd = new Uint8Array(states);
  for (let ones = 0, node = 0; ones <= 7; ones++) {
    mayEnd[node] = 1;
    node = children[2 * node + 1] ?? 0;
  }
  return { steps, mayEnd };
}

/** The four bits of `nibble` down the tree from `state`. */
function walk(children: readonly number[], state: number, nibble: number): number {
  let node = state;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    node = children[2 * node + ((nibble >> bit) & 1)] ?? 0;
    if (node >= 0) continue;
    if (~node === EOS) return FAILS;
    emitted = EMITS | (~node << 8);
    node = 0;
  }
  return emitted | node;
}
