import { webcrypto } from 'node:crypto';
// @peculiar/x509 needs it loaded first.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

export interface Pem {
  readonly cert: Buffer;
  readonly key: Buffer;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

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
    const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, [
      'sign',
      'verify',
    ])) as webcrypto.CryptoKeyPair;
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

  /** A leaf for `localhost`, valid from `notBefore` to `notAfter` (defaults: yesterday to tomorrow). */
  async issue(subject: string, validity: { notBefore?: Date; notAfter?: Date } = {}): Promise<Pem> {
    const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, [
      'sign',
      'verify',
    ])) as webcrypto.CryptoKeyPair;
    const certificate = await x509.X509CertificateGenerator.create(
      {
        subject,
        issuer: this.name,
        publicKey: keys.publicKey,
        signingKey: this.keys.privateKey,
        signingAlgorithm: ALGORITHM,
        notBefore: validity.notBefore ?? new Date(Date.now() - DAY_MS),
        notAfter: validity.notAfter ?? new Date(Date.now() + DAY_MS),
        extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
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
