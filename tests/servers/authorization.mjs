// An authorization server as companies run them, on npm's oidc-provider: discovery, registration,
// code flow with PKCE, and access tokens that are RS256 JWTs for the resource they were asked for.
// The issuer has a path, as Okta's have. Its one person, alice of the developers, signs in at sight.
//
//   node authorization.mjs '{"port": N, "certificate": FILE, "key": FILE, "scopes": [S, …],
//                            "hesitant": false, "client": {"id": I, "redirect": URL}}'
//
// `hesitant`: the first time somebody is asked for scopes, only the first one is granted.
// `client`: one that is known without registering. Each request is a line: method, path, and the
// query or form without secrets.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { load } from '../clients/lines.mjs';

const { default: Provider } = load('oidc-provider');

const given = JSON.parse(process.argv[2]);
const base = '/oauth2/default';
const issuer = `https://localhost:${given.port}${base}`;
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const provider = new Provider(issuer, {
  clients: given.client
    ? [
        {
          client_id: given.client.id,
          redirect_uris: [given.client.redirect],
          token_endpoint_auth_method: 'none',
          application_type: 'native',
        },
      ]
    : [],
  // Clients register for the scopes that a challenge names.
  scopes: ['openid', ...given.scopes],
  cookies: { keys: [randomUUID()] },
  jwks: {
    keys: [{ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' }],
  },
  findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  extraTokenClaims: () => ({ groups: ['developers'] }),
  interactions: { url: (_context, { uid }) => `${base}/person/${uid}` },
  features: {
    devInteractions: { enabled: false },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => ({
        scope: given.scopes.join(' '),
        audience: resource,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});

let asked = 0;

/** What a person does who is shown a page: says who they are, then agrees. */
async function person(request, response) {
  const { prompt, params } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: 'alice' } });
  }
  const grant = new provider.Grant({ accountId: 'alice', clientId: params.client_id });
  const { missingOIDCScope = [], missingResourceScopes = {} } = prompt.details;
  grant.addOIDCScope(missingOIDCScope.join(' '));
  for (const [resource, scopes] of Object.entries(missingResourceScopes)) {
    const granted = given.hesitant && asked++ === 0 ? scopes.slice(0, 1) : scopes;
    grant.addResourceScope(resource, granted.join(' '));
    const rest = scopes.filter((scope) => !granted.includes(scope));
    if (rest.length > 0) grant.rejectResourceScope(resource, rest.join(' '));
  }
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

const secret = ['code', 'code_verifier', 'code_challenge', 'state', 'client_secret'];

function tell(request, query) {
  const path = request.url.split('?')[0].replace(/[\w-]{21,}$/, '…');
  const told = Object.fromEntries([...query].filter(([name]) => !secret.includes(name)));
  process.stdout.write(`${JSON.stringify({ method: request.method, path, query: told })}\n`);
}

provider.use(async (context, next) => {
  await next();
  // The form of a token request is read by then.
  const form = context.oidc?.route === 'token' ? Object.entries(context.oidc.body ?? {}) : [];
  context.req.told?.(form);
});

const handle = provider.callback();

createServer(
  { cert: readFileSync(given.certificate), key: readFileSync(given.key) },
  async (request, response) => {
    const url = new URL(request.url, issuer);
    const before = { method: request.method, url: request.url };
    request.told = (form) => tell(before, [...url.searchParams, ...form]);
    // RFC 8414 puts the well-known part before the issuer's path; the library has it behind.
    const inserted = /^\/\.well-known\/([a-z-]+)\/oauth2\/default$/.exec(url.pathname);
    if (inserted) request.url = `${base}/.well-known/${inserted[1]}`;
    if (!request.url.startsWith(`${base}/`)) {
      request.told([]);
      response.writeHead(404).end();
    } else if (request.url.startsWith(`${base}/person/`)) {
      await person(request, response);
    } else {
      request.originalUrl = request.url;
      request.url = request.url.slice(base.length);
      await handle(request, response);
    }
  },
).listen(given.port, '127.0.0.1');
