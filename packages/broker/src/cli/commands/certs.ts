import { Option } from 'commander';
import type { CertsFlags } from '../certs/certs.js';
import { type DefineCommand, examples } from './define.js';

export const defineCerts: DefineCommand = (program, finish) => {
  const collect = (value: string, earlier: readonly string[]) => [...earlier, value];
  program
    .command('certs')
    .description('make a development CA with a server and a client certificate')
    .argument('<DIR>', 'folder for ca.crt, server.crt, server.key, client.crt and client.key')
    .addOption(
      new Option('--host <NAME>', 'a further name or address of the server; may be repeated')
        .argParser(collect)
        .default([], 'localhost, 127.0.0.1 and ::1 are always there'),
    )
    .option('--user <NAME>', 'subject CN of the client certificate: the user', 'client')
    .addOption(
      new Option('--group <NAME>', 'subject O of the client certificate: a group; may be repeated')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--days <N>', 'how long they are valid', '365')
    .option('--force', 'replace files that are there already')
    .addHelpText(
      'after',
      examples(
        'ce-broker certs certs',
        'ce-broker serve --tls-cert certs/server.crt --tls-key certs/server.key --client-ca certs/ca.crt',
        'ce-broker sub --server localhost:8090 --ca certs/ca.crt --cert certs/client.crt --key certs/client.key --cluster c1',
      ),
    )
    .action(async (folder: string, flags: CertsFlags) => {
      const { certs } = await import('../certs/certs.js');
      finish(await certs(folder, flags));
    });
};
