// A server of npm's `@modelcontextprotocol/server` 2.x that offers all that the conformance suite asks
// for but tasks, in both eras of the protocol at one endpoint, or over standard input and output.
//
//   node dual.mjs PORT [--careless]
//   node dual.mjs --stdio
//
// `--careless`: neither host nor origin are looked at, nor the headers that repeat what the body says.

import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { load } from '../clients/lines.mjs';
import { Events } from './events.mjs';
import { addRounds } from './rounds.mjs';
import { completions, prompts, resources, template, tools } from './things.mjs';

const sdk = load('@modelcontextprotocol/server');
const { serveStdio } = load('@modelcontextprotocol/server/stdio');
const {
  NodeStreamableHTTPServerTransport,
  localhostHostValidation,
  localhostOriginValidation,
  toNodeHandler,
  toWebRequest,
} = load('@modelcontextprotocol/node');

const RETRY_MS = 500;
const state = sdk.createRequestStateCodec({ key: randomBytes(32) });

/** Requests go on the stream of the call: the client's own may not be open yet. */
function talk(ctx) {
  const token = ctx.mcpReq._meta?.progressToken;
  return {
    log: (data) => ctx.mcpReq.log('info', data),
    progress: (progress, total) =>
      token === undefined
        ? undefined
        : ctx.mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken: token, progress, total },
          }),
    async sample(prompt) {
      const messages = [{ role: 'user', content: { type: 'text', text: prompt } }];
      const params = { messages, maxTokens: 100 };
      return (await ctx.mcpReq.send({ method: 'sampling/createMessage', params })).content.text;
    },
    elicit: (message, requestedSchema) =>
      ctx.mcpReq.send({ method: 'elicitation/create', params: { message, requestedSchema } }),
    // On a pipe there is no stream to end; a word makes the bridge open one.
    endStream: () => (ctx.http ? ctx.http.closeSSE?.() : ctx.mcpReq.log('info', 'no stream')),
  };
}

/** `changes` of a server: where it says that its lists have changed. */
function build(changes) {
  const server = new sdk.McpServer(
    { name: 'conformance-dual', version: '1.0.0' },
    {
      capabilities: {
        logging: {},
        completions: {},
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
      },
      requestState: { verify: state.verify },
    },
  );
  for (const [name, [description, schema, call]] of Object.entries(tools)) {
    const inputSchema = sdk.fromJsonSchema(schema);
    server.registerTool(name, { description, inputSchema }, (args, ctx) => call(args, talk(ctx)));
  }
  for (const [uri, [listed, content]] of Object.entries(resources)) {
    const { name, ...rest } = listed;
    const { mimeType } = listed;
    server.registerResource(name, uri, rest, () => ({ contents: [{ uri, mimeType, ...content }] }));
  }
  const { name, ...listed } = template.listed;
  server.registerResource(
    name,
    new sdk.ResourceTemplate(template.uri, { list: undefined }),
    listed,
    ({ href: uri }, { id }) => ({
      contents: [{ uri, mimeType: listed.mimeType, ...template.read(id) }],
    }),
  );
  for (const [name, [description, wanted, messages]] of Object.entries(prompts)) {
    const given = (args = {}) => ({ messages: messages(args) });
    if (wanted.length === 0) {
      server.registerPrompt(name, { description }, () => given());
      continue;
    }
    const properties = Object.fromEntries(wanted.map((w) => [w, { type: 'string' }]));
    const argsSchema = sdk.fromJsonSchema({ type: 'object', properties, required: wanted });
    server.registerPrompt(name, { description, argsSchema }, given);
  }
  server.server.setRequestHandler('completion/complete', ({ params }) => ({
    completion: { values: completions(params.argument.value), hasMore: false },
  }));
  server.server.setRequestHandler('resources/subscribe', () => ({}));
  server.server.setRequestHandler('resources/unsubscribe', () => ({}));
  addRounds(sdk, server, state, changes(server));
  return server;
}

/** On a pipe there is one subscriber: whoever is at its other end. */
const toPipe = (server) => ({
  toolsChanged: () => server.sendToolListChanged(),
  promptsChanged: () => server.sendPromptListChanged(),
});
const toSubscribers = () => modern.notify;

const buildHttp = () => build(toSubscribers);
const modern = sdk.createMcpHandler(buildHttp, { legacy: 'reject' });
const answerModern = toNodeHandler(modern);
const sessions = new Map();

async function answerLegacy(request, response, body) {
  const id = request.headers['mcp-session-id'];
  if (id !== undefined) {
    const known = sessions.get(id);
    if (known) return known.handleRequest(request, response, body);
    response.writeHead(404).end();
    return;
  }
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: new Events(),
    retryInterval: RETRY_MS,
    onsessioninitialized: (made) => void sessions.set(made, transport),
    onsessionclosed: (made) => void sessions.delete(made),
  });
  await buildHttp().connect(transport);
  await transport.handleRequest(request, response, body);
}

async function read(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const text = Buffer.concat(pieces).toString();
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const careless = process.argv.includes('--careless');
const hostIsLocal = localhostHostValidation();
const originIsLocal = localhostOriginValidation();
const isLocal = (request, response) => hostIsLocal(request, response) && originIsLocal(request, response);

/** Makes the headers say what the body says, as if nobody had looked at them. */
function overlook(request, { method, params }) {
  const version = params?._meta?.[sdk.PROTOCOL_VERSION_META_KEY];
  if (version === undefined) return;
  const name = params.name ?? params.uri;
  Object.assign(request.headers, {
    'mcp-protocol-version': version,
    'mcp-method': method,
    ...(name !== undefined && { 'mcp-name': name }),
  });
}

async function answer(request, response) {
  if (!careless && !isLocal(request, response)) return;
  const body = await read(request);
  if (body === null) return void response.writeHead(400).end();
  if (careless && body) overlook(request, body);
  const legacy = await sdk.isLegacyRequest(await toWebRequest(request, body), body);
  await (legacy ? answerLegacy : answerModern)(request, response, body);
}

if (process.argv.includes('--stdio')) serveStdio(() => build(toPipe));
else createServer(answer).listen(Number(process.argv[2]), '127.0.0.1');
