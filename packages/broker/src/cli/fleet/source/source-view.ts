import type { Report } from '../file-resource.js';
import type { SourceEntry } from './source-state.js';

/** Shows what becomes of the files. */
export interface SourceView {
  /** A file has a new version, or is gone. */
  changed(uid: string, entry: SourceEntry): void;
  /** The broker has taken that version, or deletion. */
  published(uid: string, entry: SourceEntry): void;
  /** The broker does not take it. */
  refused(uid: string, entry: SourceEntry, why: string): void;
  /** Another source with this id publishes it too: this one has stopped to. */
  conflict(uid: string, entry: SourceEntry, why: string): void;
  /** The agent said something new. */
  reported(uid: string, entry: SourceEntry, report: Report): void;
  /** The agent said that it is gone. */
  deleted(uid: string, entry: SourceEntry, report: Report): void;
  /** Two agents work for that cluster. */
  twoAgents(cluster: string): void;
  /** The folder is empty or gone, and nothing of it is believed; or that is over. */
  guarding(on: boolean): void;
  /** A line beside what is shown, without its break. */
  note(line: string): void;
  end(): void;
}
