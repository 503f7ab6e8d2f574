import { webcrypto } from 'node:crypto';
// @peculiar/x509 needs it loaded first.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

export interface Pem {
  readonly cert: Buffer;
  readonly key: Buffer;
}

interface Leaf {
  readonly names?: x509.JsonGeneralName[];
  readonly notAfter?: Date;
}

/** A certificate authority for one test. */
export class TestCa {
  readonly pem: Buffer;
  private readonly name: string;
  private readonly keys: webcrypto.CryptoKeyPair;

  private constructor(name: string, keys: webcrypto.CryptoKeyPair, pem: Buffer) {
    this.name = name;
    this.keys = keys;
    this.pem = pem;
  }

  static async create(name: string): Promise<TestCa> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned(
      {
        name: `CN=${name}`,
        keys,
        signingAlgorithm: ALGORITHM,
        notBefore: new Date(Date.now() - DAY_MS),
        notAfter: new Date(Date.now() + DAY_MS),
        extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
      },
      webcrypto,
    );
    return new TestCa(`CN=${name}`, keys, Buffer.from(certificate.toString('pem')));
  }

  /** A leaf, by default for `localhost` and 127.0.0.1 until tomorrow. */
  async issue(subject: string, leaf: Leaf = {}): Promise<Pem> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create(
      {
        subject,
        issuer: this.name,
        publicKey: keys.publicKey,
        signingKey: this.keys.privateKey,
        signingAlgorithm: ALGORITHM,
        notBefore: new Date(Date.now() - 2 * DAY_MS),
        notAfter: leaf.notAfter ?? new Date(Date.now() + DAY_MS),
        extensions: [
          new x509.SubjectAlternativeNameExtension(
            leaf.names ?? [
              { type: 'dns', value: 'localhost' },
              { type: 'ip', value: '127.0.0.1' },
            ],
          ),
        ],
      },
      webcrypto,
    );
    const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    return {
      cert: Buffer.from(certificate.toString('pem')),
      key: Buffer.from(`-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`),
    };
  }
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  if ('privateKey' in keys) return keys;
  throw new Error('no key pair');
}
