/** What a store must hold, at least: by resource id, what was acknowledged last. */
export interface WantedState {
  readonly folder: string;
  readonly specs: Record<string, number>;
  readonly deleted: Record<string, number>;
  readonly statuses: Record<string, number>;
}

/** From the lines of broker-writer's witness. */
export function wantedState(folder: string, lines: readonly string[]): WantedState {
  const wanted: WantedState = { folder, specs: {}, deleted: {}, statuses: {} };
  for (const line of lines) {
    const [what, id = '', number] = line.split(' ');
    if (what === 'spec') wanted.specs[id] = Number(number);
    else if (what === 'status') wanted.statuses[id] = Number(number);
    else if (what === 'deleted') {
      delete wanted.specs[id];
      wanted.deleted[id] = Number(number);
    }
  }
  return wanted;
}
