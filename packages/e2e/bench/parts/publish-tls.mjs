/** The part `publish` over TLS 1.3, publisher and subscriber: the gRPC servers, with one certificate for all of them. */
import { rmSync } from 'node:fs';
import { makeCertificates } from '../lib/certificates.mjs';
import { comparePublish } from '../lib/publish.mjs';
import { SERVERS, serversOf } from '../lib/servers.mjs';

export const title = 'Publish over TLS 1.3: one publisher, one subscriber, 1 KiB of data';

export async function run(context) {
  const servers = serversOf('publish-tls', context.servers).filter(
    (name) => SERVERS[name].protocol === 'grpc',
  );
  const tls = makeCertificates();
  try {
    return await comparePublish(context, servers, tls);
  } finally {
    rmSync(tls.folder, { recursive: true });
  }
}
