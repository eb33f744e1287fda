// A client with the 2.x TypeScript client, which speaks both eras of the protocol.
//
//   node call2.mjs --url URL [--token JWT] [--answer-server] [--protocol legacy|auto|VERSION]
//
// `--protocol`: `legacy` (initialize; the library's default), `auto` (server/discover, else
// initialize), 2026-07-28 (only that), or an older version (the only one offered in initialize).
// Operations and answers: see README.md beside this file.

import { answers, headers, load, options, perform, run } from './lines.mjs';

const { Client, StreamableHTTPClientTransport } = load('@modelcontextprotocol/client');

const given = options({ protocol: { type: 'string', default: 'legacy' } });

function negotiation(protocol) {
  if (protocol === 'legacy' || protocol === 'auto') return { versionNegotiation: { mode: protocol } };
  if (protocol >= '2026-07-28') return { versionNegotiation: { mode: { pin: protocol } } };
  return { supportedProtocolVersions: [protocol] };
}

async function connect() {
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
  const transport = new StreamableHTTPClientTransport(new URL(given.url), {
    requestInit: { headers: headers(given) },
  });
  await client.connect(transport);
  return {
    client,
    transport,
    async end() {
      await transport.terminateSession().catch(() => {});
      await client.close();
    },
  };
}

await run(connect, ({ client, transport }, operation, onprogress) => {
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
});
