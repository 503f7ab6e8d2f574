import { type Broker, type BrokerOptions, startBroker } from 'ce-broker';

/** Starts a broker over the RPC engine that CE_BROKER_RPC_ENGINE names, as the command does; without it, or where the options name one, as they say. */
export function startTestBroker(options: BrokerOptions = {}): Promise<Broker> {
  const name = process.env['CE_BROKER_RPC_ENGINE'];
  if (name === undefined) return startBroker(options);
  if (name !== 'h2' && name !== 'grpc-js') throw new Error(`CE_BROKER_RPC_ENGINE is ${name}: h2 or grpc-js`);
  return startBroker({ rpcEngine: name, ...options });
}
