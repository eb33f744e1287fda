// A server of npm's `@modelcontextprotocol/sdk` 1.x as many run today: it knows 2025-11-25 and older,
// and it checks neither the host and origin of a request nor what 2026-07-28 says in headers.
//
//   node legacy.mjs PORT

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { load } from '../clients/lines.mjs';
import { Events } from './events.mjs';
import { completions, prompts, resources, template, tools } from './things.mjs';

const { Server } = load('@modelcontextprotocol/sdk/server/index.js');
const { StreamableHTTPServerTransport } = load('@modelcontextprotocol/sdk/server/streamableHttp.js');
const schemas = load('@modelcontextprotocol/sdk/types.js');

const RETRY_MS = 500;

function talk(server, { _meta, requestId, sendNotification, sendRequest, closeSSEStream }) {
  const token = _meta?.progressToken;
  return {
    log: (data) =>
      sendNotification({ method: 'notifications/message', params: { level: 'info', data } }),
    progress: (progress, total) =>
      token === undefined
        ? undefined
        : sendNotification({
            method: 'notifications/progress',
            params: { progressToken: token, progress, total },
          }),
    async sample(prompt) {
      const messages = [{ role: 'user', content: { type: 'text', text: prompt } }];
      const params = { messages, maxTokens: 100 };
      const request = { method: 'sampling/createMessage', params };
      return (await sendRequest(request, schemas.CreateMessageResultSchema)).content.text;
    },
    elicit: (message, requestedSchema) =>
      server.elicitInput({ message, requestedSchema }, { relatedRequestId: requestId }),
    endStream: () => closeSSEStream?.(),
  };
}

async function called(server, { name, arguments: args = {} }, extra) {
  const [, , call] = tools[name] ?? [];
  if (!call) throw new schemas.McpError(schemas.ErrorCode.InvalidParams, `no tool ${name}`);
  try {
    return await call(args, talk(server, extra));
  } catch (error) {
    return { isError: true, content: [{ type: 'text', text: error.message }] };
  }
}

function content(uri) {
  const [listed, content] = resources[uri] ?? [];
  if (listed) return { uri, mimeType: listed.mimeType, ...content };
  const id = template.id(uri);
  if (id !== undefined) return { uri, mimeType: template.listed.mimeType, ...template.read(id) };
  throw new schemas.McpError(schemas.ErrorCode.InvalidParams, 'no such resource', { uri });
}

function prompt({ name, arguments: args = {} }) {
  const [description, , messages] = prompts[name] ?? [];
  if (!messages) throw new schemas.McpError(schemas.ErrorCode.InvalidParams, `no prompt ${name}`);
  return { description, messages: messages(args) };
}

const listedTools = Object.entries(tools).map(([name, [description, inputSchema]]) => ({
  name,
  description,
  inputSchema,
}));
const listedResources = Object.entries(resources).map(([uri, [listed]]) => ({ uri, ...listed }));
const listedPrompts = Object.entries(prompts).map(([name, [description, wanted]]) => ({
  name,
  description,
  arguments: wanted.map((argument) => ({ name: argument, required: true })),
}));

function build() {
  const server = new Server(
    { name: 'conformance-legacy', version: '1.0.0' },
    {
      capabilities: {
        logging: {},
        completions: {},
        tools: {},
        prompts: {},
        resources: { subscribe: true },
      },
    },
  );
  const on = (schema, answer) => server.setRequestHandler(schema, ({ params }, extra) => answer(params, extra));
  on(schemas.ListToolsRequestSchema, () => ({ tools: listedTools }));
  on(schemas.CallToolRequestSchema, (params, extra) => called(server, params, extra));
  on(schemas.ListResourcesRequestSchema, () => ({ resources: listedResources }));
  on(schemas.ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: template.uri, ...template.listed }],
  }));
  on(schemas.ReadResourceRequestSchema, ({ uri }) => ({ contents: [content(uri)] }));
  on(schemas.SubscribeRequestSchema, () => ({}));
  on(schemas.UnsubscribeRequestSchema, () => ({}));
  on(schemas.ListPromptsRequestSchema, () => ({ prompts: listedPrompts }));
  on(schemas.GetPromptRequestSchema, prompt);
  on(schemas.CompleteRequestSchema, ({ argument }) => ({
    completion: { values: completions(argument.value), hasMore: false },
  }));
  return server;
}

const sessions = new Map();

createServer(async (request, response) => {
  const id = request.headers['mcp-session-id'];
  if (id !== undefined) {
    const known = sessions.get(id);
    if (known) return known.handleRequest(request, response);
    response.writeHead(404).end();
    return;
  }
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: new Events(),
    retryInterval: RETRY_MS,
    onsessioninitialized: (made) => void sessions.set(made, transport),
    onsessionclosed: (made) => void sessions.delete(made),
  });
  await build().connect(transport);
  await transport.handleRequest(request, response);
}).listen(Number(process.argv[2]), '127.0.0.1');
