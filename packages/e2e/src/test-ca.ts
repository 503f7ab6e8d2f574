import { type webcrypto as WebCrypto, webcrypto } from 'node:crypto';
// @peculiar/x509 needs it loaded first.
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

/** PEM texts. */
export interface Pem {
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  readonly usage: 'server' | 'client';
  /** In days from now. Default: yesterday. */
  readonly fromDay?: number;
  /** In days from now. Default: tomorrow. */
  readonly toDay?: number;
}

/** A certificate authority of one scenario. */
export class TestCa {
  readonly pem: string;
  readonly #name: string;
  readonly #keys: WebCrypto.CryptoKeyPair;

  private constructor(name: string, keys: WebCrypto.CryptoKeyPair, pem: string) {
    this.#name = name;
    this.#keys = keys;
    this.pem = pem;
  }

  static async create(name: string): Promise<TestCa> {
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.createSelfSigned(
      {
        name: `CN=${name}`,
        keys,
        signingAlgorithm: ALGORITHM,
        notBefore: day(-30),
        notAfter: day(30),
        extensions: [new BasicConstraintsExtension(true, 1, true)],
      },
      webcrypto,
    );
    return new TestCa(`CN=${name}`, keys, certificate.toString('pem'));
  }

  /** A certificate for `localhost`. */
  async issue(subject: string, { usage, fromDay = -1, toDay = 1 }: IssueOptions): Promise<Pem> {
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.create(
      {
        subject,
        issuer: this.#name,
        publicKey: keys.publicKey,
        signingKey: this.#keys.privateKey,
        signingAlgorithm: ALGORITHM,
        notBefore: day(fromDay),
        notAfter: day(toDay),
        extensions: [
          new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }]),
          new ExtendedKeyUsageExtension([
            usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth,
          ]),
        ],
      },
      webcrypto,
    );
    const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    return {
      cert: certificate.toString('pem'),
      key: `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`,
    };
  }
}

async function newKeys(): Promise<WebCrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as WebCrypto.CryptoKeyPair;
}

function day(fromNow: number): Date {
  return new Date(Date.now() + fromNow * DAY_MS);
}
