// A person with a browser for the 2.x TypeScript client: what it keeps between the steps of an
// authorization, and who follows its redirects.

/** Where the authorization server sends the browser back to; nobody has to listen there. */
const CALLBACK = 'http://127.0.0.1:1/callback';

/** An `OAuthClientProvider` of the library in memory; `clientId` for one that is known already. */
export class SignIn {
  redirectUrl = CALLBACK;
  clientMetadata = {
    client_name: 'mcp-zero-test',
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };
  #client;
  #tokens;
  #verifier;
  #discovered;
  #asked;

  constructor(clientId) {
    this.#client = clientId ? { client_id: clientId } : undefined;
  }

  clientInformation() {
    return this.#client;
  }

  saveClientInformation(client) {
    this.#client = client;
  }

  tokens() {
    return this.#tokens;
  }

  saveTokens(tokens) {
    this.#tokens = tokens;
  }

  codeVerifier() {
    return this.#verifier;
  }

  saveCodeVerifier(verifier) {
    this.#verifier = verifier;
  }

  discoveryState() {
    return this.#discovered;
  }

  saveDiscoveryState(state) {
    this.#discovered = state;
  }

  redirectToAuthorization(url) {
    this.#asked = url;
  }

  /** What the browser brings back once the person has agreed. */
  async browse() {
    const cookies = new Map();
    let url = this.#asked;
    while (!url.href.startsWith(CALLBACK)) {
      const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
      const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
      for (const set of response.headers.getSetCookie()) {
        const [name, value] = set.split(';')[0].split('=', 2);
        cookies.set(name, value);
      }
      const location = response.headers.get('location');
      if (!location) throw new Error(`no redirect but ${response.status}: ${await response.text()}`);
      url = new URL(location, url);
    }
    return url.searchParams;
  }
}
