import { type webcrypto as WebCrypto, webcrypto } from 'node:crypto';
// @peculiar/x509 needs it loaded first.
import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

// What every TLS 1.3 implementation takes.
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

export interface DevCertificateOptions {
  /** Names and addresses of the server. */
  readonly hosts: readonly string[];
  /** Subject CN of the client: the user that the broker sees. */
  readonly user: string;
  /** Subject O values of the client: the groups that the broker sees. */
  readonly groups: readonly string[];
  readonly days: number;
}

/** PEM texts by file name. */
export type DevCertificates = Readonly<
  Record<'ca.crt' | 'server.crt' | 'server.key' | 'client.crt' | 'client.key', string>
>;

/** A CA whose key is thrown away, and what it signed: a server and a client certificate with their keys. */
export async function makeDevCertificates(options: DevCertificateOptions): Promise<DevCertificates> {
  // An hour back, for the machines whose clocks are behind.
  const notBefore = new Date(Date.now() - 3_600_000);
  const notAfter = new Date(notBefore.getTime() + options.days * DAY_MS);
  const caKeys = await newKeys();
  const ca = await X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=ce-broker development CA',
      keys: caKeys,
      signingAlgorithm: ALGORITHM,
      notBefore,
      notAfter,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(caKeys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  const issue = async (
    subject: WebCryptoName,
    usage: ExtendedKeyUsage,
    names: readonly JsonGeneralName[],
  ) => {
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.create(
      {
        subject,
        issuer: ca.subjectName,
        publicKey: keys.publicKey,
        signingKey: caKeys.privateKey,
        signingAlgorithm: ALGORITHM,
        notBefore,
        notAfter,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([usage]),
          await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
          await AuthorityKeyIdentifierExtension.create(ca, false, webcrypto),
          ...(names.length > 0 ? [new SubjectAlternativeNameExtension([...names])] : []),
        ],
      },
      webcrypto,
    );
    return { cert: pem(certificate), key: await keyPem(keys.privateKey) };
  };
  const hosts = options.hosts.map(hostName);
  const server = await issue([{ CN: [options.hosts[0] ?? 'localhost'] }], ExtendedKeyUsage.serverAuth, hosts);
  const groups = options.groups.length > 0 ? [{ O: [...options.groups] }] : [];
  const client = await issue([...groups, { CN: [options.user] }], ExtendedKeyUsage.clientAuth, []);
  return {
    'ca.crt': pem(ca),
    'server.crt': server.cert,
    'server.key': server.key,
    'client.crt': client.cert,
    'client.key': client.key,
  };
}

type WebCryptoName = Record<string, string[]>[];

function hostName(host: string): JsonGeneralName {
  return /^[0-9.]+$|:/.test(host) ? { type: 'ip', value: host } : { type: 'dns', value: host };
}

function newKeys(): Promise<WebCrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, [
    'sign',
    'verify',
  ]) as Promise<WebCrypto.CryptoKeyPair>;
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem').trim()}\n`;
}

async function keyPem(key: WebCrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  const lines = der.match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}
