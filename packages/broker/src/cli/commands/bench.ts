import type { BenchFlags } from '../bench/bench.js';
import { connectionOptions } from '../client/connection-options.js';
import { type DefineCommand, examples } from './define.js';

export const defineBench: DefineCommand = (program, finish) => {
  const command = program.command('bench').description('load any CloudEvents gRPC server, and measure it');
  for (const option of connectionOptions()) command.addOption(option);
  command
    .option('--publishers <N>', 'publishing connections; 0: only subscribe', '1')
    .option('--subscribers <N>', 'subscriptions; 0: only publish', '1')
    .option('--subscriptions-per-connection <N>', 'subscriptions that share a connection', '1')
    .option('--in-flight <N>', 'events in flight per publisher (default: 16, with --rate or --stream 1024)')
    .option(
      '--stream',
      "publish over ce-broker's PublishStream, one stream per publisher, instead of a call per event",
    )
    .option('--batch <N>', 'with --stream: events in each message (default: 1)')
    .option('--size <BYTES>', 'data of one event', '1KiB')
    .option(
      '--rate <N>',
      'events per second in all; latency then counts from when each was due (default: closed loop)',
    )
    .option('--seconds <N>', 'measured time', '10')
    .option('--warm-up <SECONDS>', 'load before the measured time', '2')
    .option('--events <N>', 'stop after so many events, if that comes first')
    .option('--resources <N>', 'distinct resources, whose versions grow', '10000')
    .option('--clusters <N>', 'clusters that they are spread over', '1')
    .option('--source <ID>', 'the source that owns them', 'bench')
    .option('--type <GROUP.VERSION.RESOURCE>', 'the data type (default: that of ManifestBundles)')
    .option('--status', 'agents publish statuses, instead of a source its specs')
    .option('--json', 'the report as JSON')
    .addHelpText(
      'after',
      `
It speaks the raw wire, so that the server is the bottleneck. It leaves its resources in the server.
${examples(
  'ce-broker bench --in-flight 128',
  'ce-broker bench --subscribers 100 --in-flight 16 --seconds 20',
  'ce-broker bench --stream --batch 16',
  'ce-broker bench --rate 2000 --clusters 50 --subscribers 50 --json',
)}`,
    )
    .action(async (flags: BenchFlags) => {
      const { bench } = await import('../bench/bench.js');
      finish(await bench(flags));
    });
};
