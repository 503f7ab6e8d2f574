// Set-up of the gRPC clients of other makers (packages/e2e/rpc-clients): their code from the contract, and their programs.
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const e2e = fileURLToPath(new URL('..', import.meta.url));
const root = join(e2e, '..', '..');
const contract = join(root, 'proto');
const sources = join(e2e, 'rpc-clients');
const out = join(e2e, '.cache', 'rpc-clients');
const protos = join(out, 'proto');
const descriptors = join(out, 'descriptors.binpb');
const OURS = ['ce_broker/v1/broker.proto', 'io/cloudevents/v1/cloudevents.proto'];

export const HOW_TO_GET_CLIENTS = {
  java: 'install a JDK of version 17 or newer and Maven (Debian: apt-get install openjdk-17-jdk-headless maven)',
  rust: 'install Rust 1.88 or newer with cargo (https://rustup.rs)',
};

/** The steps `java`, `rust` and `connect`, and what `python` needs beside its environment. */
export function rpcClientSteps({ need, run, once, fingerprint }) {
  const contractPrint = () => fingerprint([], contract, /^(ce_broker|io|google)\/.*\.proto$/);

  /** The contract with health and reflection beside it, in one folder, and all of it as descriptors. */
  function prepare() {
    once('rpc-protos', contractPrint(), [descriptors], () => {
      rmSync(protos, { recursive: true, force: true });
      for (const folder of ['ce_broker', 'io', 'google'])
        cpSync(join(contract, folder), join(protos, folder), { recursive: true });
      const require = createRequire(join(root, 'packages', 'broker', 'package.json'));
      const packageDir = (name) => dirname(require.resolve(`${name}/package.json`));
      for (const [from, to] of [
        [join(packageDir('grpc-health-check'), 'proto', 'health', 'v1'), 'health'],
        [join(packageDir('@grpc/reflection'), 'build', 'proto', 'grpc', 'reflection', 'v1'), 'reflection'],
      ])
        cpSync(from, join(protos, 'grpc', to, 'v1'), { recursive: true });
      run(join(contract, 'node_modules', '.bin', 'buf'), ['build', protos, '-o', descriptors]);
    });
  }

  return {
    pythonCode(python, version) {
      prepare();
      const folder = join(out, 'python');
      once('rpc-python', JSON.stringify([version, contractPrint()]), [folder], () => {
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(folder, { recursive: true });
        const to = [`--python_out=${folder}`, `--grpc_python_out=${folder}`];
        run(python, ['-m', 'grpc_tools.protoc', `-I${protos}`, ...to, ...OURS]);
      });
    },
    java() {
      const version = need('javac', ['-version'], 'java');
      need('mvn', ['--version'], 'java');
      prepare();
      const folder = join(out, 'java');
      const wanted = fingerprint([version, contractPrint()], join(sources, 'java'), /\.java$|pom\.xml$/);
      once('rpc-java', wanted, [join(folder, 'rpc-client.jar'), join(folder, 'lib')], () => {
        rmSync(folder, { recursive: true, force: true });
        const where = [`-Dclient.protos=${protos}`, `-Dclient.out=${folder}`];
        run('mvn', ['-q', '-B', '-f', join(sources, 'java', 'pom.xml'), ...where, 'package']);
      });
    },
    rust() {
      const version = need('cargo', ['--version'], 'rust');
      prepare();
      const target = join(out, 'rust');
      const program = join(target, 'debug', 'rpc-client');
      const wanted = fingerprint(
        [version, contractPrint()],
        join(sources, 'rust'),
        /\.rs$|Cargo\.(toml|lock)$/,
      );
      once('rpc-rust', wanted, [program], () => {
        run('cargo', ['build', '--quiet', '--locked', '--target-dir', target], {
          cwd: join(sources, 'rust'),
          env: { ...process.env, CE_BROKER_DESCRIPTORS: descriptors },
        });
        if (!existsSync(program)) throw new Error(`cargo built no ${program}`);
      });
    },
    connect: prepare,
  };
}
