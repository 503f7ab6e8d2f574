import { describe, expect, it } from 'vitest';
import {
  AuthenticatorChain,
  CertificateAuthenticator,
  TokenAuthenticator,
} from '../../src/access/authenticator.js';
import { Roles } from '../../src/access/roles.js';
import { TokenTable } from '../../src/access/token-table.js';

const roles = new Roles({ sources: ['hub'], agents: ['agents', 'both'] });
const table = new TokenTable([{ token: 'abc', user: 'alice', groups: ['agents'] }]);
const certificates = new CertificateAuthenticator(roles);
const tokens = new TokenAuthenticator(roles, () => table);
const certificate = { commonName: 'hub', organizations: ['ops'] };

describe('who somebody is', () => {
  it('a certificate gives CN as user and O as groups', () => {
    const chain = new AuthenticatorChain([certificates, tokens], roles);
    expect(chain.identify({ certificate, authorization: undefined })).toEqual({
      user: 'hub',
      groups: ['ops'],
      role: 'source',
    });
  });

  it('a token gives its user and groups; the scheme is not case-sensitive', () => {
    const chain = new AuthenticatorChain([certificates, tokens], roles);
    for (const authorization of ['Bearer abc', 'bearer abc']) {
      expect(chain.identify({ certificate: undefined, authorization })).toEqual({
        user: 'alice',
        groups: ['agents'],
        role: 'agent',
      });
    }
  });

  it('where both are shown the certificate counts', () => {
    const chain = new AuthenticatorChain([certificates, tokens], roles);
    expect(chain.identify({ certificate, authorization: 'Bearer abc' }).user).toBe('hub');
  });

  it.each([
    [undefined, /no credentials were given.*client certificate.*Bearer/],
    ['Bearer wrong', /the given token is not known/],
    ['Basic abc', /not known/],
    ['Bearer ', /not known/],
  ])('%j is nobody', (authorization, message) => {
    const chain = new AuthenticatorChain([certificates, tokens], roles);
    expect(() => chain.identify({ certificate: undefined, authorization })).toThrow(
      expect.objectContaining({ code: 'unauthenticated', message: expect.stringMatching(message) }),
    );
  });

  it('a certificate without a common name is nobody', () => {
    const chain = new AuthenticatorChain([certificates], roles);
    expect(() =>
      chain.identify({ certificate: { commonName: '', organizations: ['ops'] }, authorization: undefined }),
    ).toThrow();
  });

  it('where nobody is asked everybody is anonymous, but a certificate is still believed', () => {
    const chain = new AuthenticatorChain([], roles);
    expect(chain.identify({ certificate: undefined, authorization: 'Bearer abc' }).user).toBe('anonymous');
    expect(chain.identify({ certificate, authorization: undefined }).user).toBe('hub');
  });

  it('one who is named as both has no role', () => {
    expect(new Roles({ sources: ['x'], agents: ['y'] }).identity('x', ['y']).role).toBeUndefined();
    expect(roles.identity('somebody', []).role).toBeUndefined();
  });
});
