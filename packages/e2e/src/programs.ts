import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The SDK versions that Go programs are built with. */
export const SDK_VERSIONS = ['v0.15.0', 'v0.16.0', 'v1.0.0', 'v1.1.1', 'v1.2.0', 'v1.3.0'] as const;
export type SdkVersion = (typeof SDK_VERSIONS)[number];

/** Our own client with its two forms of codec: over the exact event, and over the class of the `cloudevents` package. */
export const OWN_VERSIONS = ['ts', 'ts-class'] as const;

/** What a source or an agent may be made with. */
export const PEER_VERSIONS = [...SDK_VERSIONS, ...OWN_VERSIONS] as const;
export type PeerVersion = (typeof PEER_VERSIONS)[number];

const e2e = fileURLToPath(new URL('..', import.meta.url));

/** Path of a Go program; `interop/setup.mjs go` builds them. */
export function goProgram(version: SdkVersion, name: 'generic' | 'work' | 'grpcbroker'): string {
  return `${e2e}.cache/bin/${version}-${name}`;
}

export function isOwn(version: PeerVersion): version is (typeof OWN_VERSIONS)[number] {
  return version === 'ts' || version === 'ts-class';
}

/** The command of the generic program of a version; all of them speak the same line protocol. */
export function genericCommand(version: PeerVersion): readonly string[] {
  if (!isOwn(version)) return [goProgram(version, 'generic')];
  const program = `${e2e}dist/interop/main.js`;
  if (!existsSync(program)) throw new Error(`${program} is not there; to build it: npx tsc -b`);
  return [process.execPath, program];
}

/** Flags that the generic program of a version takes beside those that all have. */
export function genericFlags(version: PeerVersion): Readonly<Record<string, string>> {
  return version === 'ts-class' ? { codec: 'class' } : {};
}

/** Builds the Go programs if their sources have changed. Safe to call from several processes at once. */
export async function buildGoPrograms(): Promise<void> {
  const child = spawn(process.execPath, [`${e2e}interop/setup.mjs`, 'go'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0)
    throw new Error('the Go programs could not be built (see above): node packages/e2e/interop/setup.mjs go');
}
