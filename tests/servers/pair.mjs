// A stdio server with npm's @modelcontextprotocol/sdk: two tools that write down that they ran.
//
//   node pair.mjs FILE

import { appendFileSync } from 'node:fs';
import { load } from '../clients/lines.mjs';

const { Server } = load('@modelcontextprotocol/sdk/server/index.js');
const { StdioServerTransport } = load('@modelcontextprotocol/sdk/server/stdio.js');
const { CallToolRequestSchema, ListToolsRequestSchema } = load('@modelcontextprotocol/sdk/types.js');

const server = new Server({ name: 'pair', version: '1' }, { capabilities: { tools: {} } });
const tools = ['safe', 'danger'].map((name) => ({ name, inputSchema: { type: 'object' } }));
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }));
server.setRequestHandler(CallToolRequestSchema, ({ params }) => {
  appendFileSync(process.argv[2], `${params.name}\n`);
  return { content: [{ type: 'text', text: params.name }] };
});
await server.connect(new StdioServerTransport());
