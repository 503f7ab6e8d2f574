import { cell, visible } from '../visible.js';
import { wrap } from './wrap.js';

/** Rows that are looked at together for the widths of the columns. */
const BLOCK = 500;

/** Columns side by side, two spaces between them; the last is not filled up. */
export function formatTable(head: readonly string[], table: readonly (readonly string[])[]): string {
  const printer = new TablePrinter(head);
  for (const row of table) printer.add(row);
  return printer.take();
}

/** A table that is written in blocks, so that a long one is never held as a whole; its columns may grow from block to block. */
export class TablePrinter {
  readonly #widths: number[];
  readonly #wrapped: number;
  #rows: (readonly string[])[];
  #count = 0;

  /** @param last whether the last column is cut as the others are, or broken into lines */
  constructor(head: readonly string[], last: 'cut' | 'wrapped' = 'cut') {
    this.#wrapped = last === 'wrapped' ? head.length - 1 : head.length;
    this.#widths = head.map((title) => title.length);
    this.#rows = [head];
  }

  /** Rows so far, without the head. */
  get count(): number {
    return this.#count;
  }

  add(row: readonly string[]): void {
    this.#count += 1;
    const shown = row.map((text, column) => (column < this.#wrapped ? cell(text) : visible(text)));
    this.#rows.push(shown);
    for (const [column, text] of shown.entries())
      this.#widths[column] = Math.max(this.#widths[column] ?? 0, text.length);
  }

  /** There is a block to write. */
  get isFull(): boolean {
    return this.#rows.length > BLOCK;
  }

  /** Where the last column begins. */
  get #indent(): number {
    return this.#widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  }

  /** The lines that were not written yet. */
  take(): string {
    const lines = this.#rows.map((row) => {
      const cells = row.map((text, column) =>
        column === row.length - 1 ? text : text.padEnd(this.#widths[column] ?? 0),
      );
      const line = cells.join('  ').trimEnd();
      return `${this.#wrapped < row.length ? wrap(line, ' '.repeat(this.#indent)) : line}\n`;
    });
    this.#rows = [];
    return lines.join('');
  }
}

/** An age as a person says it: `4s`, `3m`, `5h`, `12d`. */
export function formatAge(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/** A size as a person says it: `512 B`, `1.4 KiB`, `12 MiB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kib = bytes / 1024;
  const [amount, unit] = kib < 1024 ? [kib, 'KiB'] : [kib / 1024, 'MiB'];
  return `${amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${unit}`;
}
