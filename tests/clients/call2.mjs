// A client with the 2.x TypeScript client, which speaks both eras of the protocol.
//
//   node call2.mjs --url URL [--token JWT] [--answer-server] [--protocol legacy|auto|VERSION]
//                  [--sign-in] [--client-id ID] [--step-up reauthorize|throw]
//
// `--sign-in`: the client gets its own tokens, by the whole flow from the first 401 on; `--client-id`
// where it need not register; `--step-up`: what it does when its token lacks a scope.
// `--protocol`: `legacy` (initialize; the library's default), `auto` (server/discover, else
// initialize), 2026-07-28 (only that), or an older version (the only one offered in initialize).
// Operations and answers: see README.md beside this file.

import { answers, headers, load, options, perform, run } from './lines.mjs';
import { SignIn } from './sign_in.mjs';

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = load('@modelcontextprotocol/client');

const given = options({
  protocol: { type: 'string', default: 'legacy' },
  'sign-in': { type: 'boolean', default: false },
  'client-id': { type: 'string' },
  'step-up': { type: 'string', default: 'reauthorize' },
});
const person = given['sign-in'] ? new SignIn(given['client-id']) : undefined;

/** Does something; where the library says that the person has to agree first, they do, at most twice. */
async function signedIn(transport, act) {
  for (let left = 2; ; left -= 1) {
    try {
      return await act();
    } catch (error) {
      if (!person || left === 0 || !(error instanceof UnauthorizedError)) throw error;
      await transport().finishAuth(await person.browse());
    }
  }
}

function negotiation(protocol) {
  if (protocol === 'legacy' || protocol === 'auto') return { versionNegotiation: { mode: protocol } };
  if (protocol >= '2026-07-28') return { versionNegotiation: { mode: { pin: protocol } } };
  return { supportedProtocolVersions: [protocol] };
}

async function connect() {
  let transport;
  const client = await signedIn(
    () => transport,
    async () => {
      transport = new StreamableHTTPClientTransport(new URL(given.url), {
        requestInit: { headers: headers(given) },
        authProvider: person,
        onInsufficientScope: given['step-up'],
      });
      const client = clientOf();
      await client.connect(transport);
      return client;
    },
  );
  return {
    client,
    transport,
    async end() {
      await transport.terminateSession().catch(() => {});
      await client.close();
    },
  };
}

function clientOf() {
  const asked = given['answer-server'];
  const client = new Client(
    { name: 'mcp-zero-test', version: '2' },
    { capabilities: asked ? answers.capabilities : {}, ...negotiation(given.protocol) },
  );
  if (asked) {
    for (const method of ['sampling/createMessage', 'elicitation/create', 'roots/list']) {
      client.setRequestHandler(method, answers[method]);
    }
  }
  return client;
}

await run(connect, (session, operation, onprogress) =>
  signedIn(
    () => session.transport,
    () => act(session, operation, onprogress),
  ),
);

function act({ client, transport }, operation, onprogress) {
  switch (operation.op) {
    case 'server':
      return {
        protocolVersion: client.getNegotiatedProtocolVersion(),
        serverInfo: client.getServerVersion(),
        capabilities: client.getServerCapabilities(),
        session: transport.sessionId !== undefined,
      };
    case 'call': {
      const call = { name: operation.name, arguments: operation.arguments };
      return client.callTool(call, operation.progress ? { onprogress } : {});
    }
    default:
      return perform(client, operation, onprogress);
  }
}
