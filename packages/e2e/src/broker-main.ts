// A broker with options that the command has no flag for: node broker-main.js OPTIONS_AS_JSON
import { type BrokerOptions, formatAddress, startBroker } from 'ce-broker';

const options: BrokerOptions = JSON.parse(process.argv[2] ?? '{}');
const broker = await startBroker(options);
process.once('SIGTERM', () => {
  broker.close().then(() => process.exit(0));
});
if (broker.address !== undefined && broker.adminAddress !== undefined) {
  process.stdout.write(
    `ready grpc=${formatAddress(broker.address)} admin=${formatAddress(broker.adminAddress)}\n`,
  );
}
