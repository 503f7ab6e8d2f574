// A broker with options that the command has no flag for: node broker-main.js OPTIONS_AS_JSON [LMDB_OPTIONS_AS_JSON]
import { type BrokerOptions, formatAddress } from 'ce-broker';
import { type LmdbOptions, lmdbStore } from 'ce-broker/lmdb';
import { startTestBroker } from './rpc-engine.js';

const options: BrokerOptions = JSON.parse(process.argv[2] ?? '{}');
const lmdb: LmdbOptions | null = JSON.parse(process.argv[3] ?? 'null');
const broker = await startTestBroker(lmdb === null ? options : { ...options, store: lmdbStore(lmdb) });
process.once('SIGTERM', () => {
  broker.close().then(() => process.exit(0));
});
if (broker.address !== undefined && broker.adminAddress !== undefined) {
  process.stdout.write(
    `ready grpc=${formatAddress(broker.address)} admin=${formatAddress(broker.adminAddress)}\n`,
  );
}
