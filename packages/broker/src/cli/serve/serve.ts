import { CeBrokerError } from 'ce-broker-proto';
import { formatAddress, type HostPort, startBroker } from '../../server/index.js';
import { ExitCode } from '../exit-codes.js';
import { brokerOptions, inUsersWords } from './broker-options.js';
import { giveHeapRoom } from './heap-room.js';
import { createLogger } from './logger.js';
import { resolveSettings, type ServeFlags, unknownVariables } from './resolve-settings.js';
import { waitForSignal } from './signals.js';

/** Runs a broker until a signal ends it. */
export async function serve(flags: ServeFlags): Promise<number> {
  giveHeapRoom();
  const resolved = await resolveSettings(flags, process.env);
  const logger = await createLogger(resolved.settings, process.stderr.isTTY === true);
  for (const problem of unknownVariables(process.env)) logger.warn(problem);
  const options = await brokerOptions(resolved, logger);
  const broker = await startBroker(options).catch((thrown: unknown) => {
    throw inUsersWords(CeBrokerError.from(thrown), resolved);
  });
  const stopped = waitForSignal();
  // One write of one line: scripts wait for it.
  process.stdout.write(
    `ce-broker ready grpc=${shown(broker.address)} admin=${shown(broker.adminAddress)} store=${broker.status().store.kind}\n`,
  );
  const signal = await stopped;
  logger.info({ signal }, 'draining; a second signal ends the process at once');
  await broker.close();
  return ExitCode.ok;
}

function shown(address: HostPort | undefined): string {
  return address === undefined ? 'none' : formatAddress(address);
}
