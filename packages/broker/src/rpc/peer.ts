/** The subject of a client certificate: CN is the user, O values are the groups (OCM's convention). */
export interface PeerCertificateName {
  readonly commonName: string;
  readonly organizations: readonly string[];
}
