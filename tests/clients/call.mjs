// A client with the 1.x TypeScript SDK: the one that most MCP clients in use are built with.
//
//   node call.mjs --url URL [--token JWT] [--answer-server]
//   node call.mjs --command '["PROGRAM", "ARGUMENT", …]' [--answer-server]
//
// Operations and answers: see README.md beside this file.

import { answers, headers, load, options, perform, run } from './lines.mjs';

const { Client } = load('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = load('@modelcontextprotocol/sdk/client/streamableHttp.js');
const { StdioClientTransport } = load('@modelcontextprotocol/sdk/client/stdio.js');
const schemas = load('@modelcontextprotocol/sdk/types.js');

const given = options({ command: { type: 'string' } });

function open() {
  if (given.command) {
    const [command, ...args] = JSON.parse(given.command);
    return new StdioClientTransport({ command, args, env: process.env });
  }
  return new StreamableHTTPClientTransport(new URL(given.url), {
    requestInit: { headers: headers(given) },
  });
}

async function connect() {
  const asked = given['answer-server'];
  const capabilities = asked ? answers.capabilities : {};
  const client = new Client({ name: 'mcp-zero-test', version: '1' }, { capabilities });
  if (asked) {
    client.setRequestHandler(schemas.CreateMessageRequestSchema, answers['sampling/createMessage']);
    client.setRequestHandler(schemas.ElicitRequestSchema, answers['elicitation/create']);
    client.setRequestHandler(schemas.ListRootsRequestSchema, answers['roots/list']);
  }
  const transport = open();
  await client.connect(transport);
  return {
    client,
    transport,
    async end() {
      await transport.terminateSession?.().catch(() => {});
      await client.close();
    },
  };
}

await run(connect, ({ client, transport }, operation, onprogress) => {
  switch (operation.op) {
    case 'server':
      return {
        protocolVersion: transport.protocolVersion,
        serverInfo: client.getServerVersion(),
        capabilities: client.getServerCapabilities(),
        session: transport.sessionId !== undefined,
      };
    case 'call': {
      const call = { name: operation.name, arguments: operation.arguments };
      return client.callTool(call, undefined, operation.progress ? { onprogress } : {});
    }
    default:
      return perform(client, operation, onprogress);
  }
});
