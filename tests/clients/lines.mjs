// What the two Node clients share: their options, and one line of JSON in and out per operation.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

/** Loads a module of the installed packages, which lie outside this folder. */
export function load(specifier) {
  const folder = process.env.MCP_ZERO_TEST_NPM_CLIENTS;
  if (!folder) throw new Error('MCP_ZERO_TEST_NPM_CLIENTS is not set: `eval "$(cargo xtask env)"`');
  return createRequire(join(folder, 'package.json'))(specifier);
}

/** Reads the command line; `extra` adds options of one client. */
export function options(extra = {}) {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      token: { type: 'string' },
      'answer-server': { type: 'boolean', default: false },
      ...extra,
    },
  });
  if (!values.url && !values.command) throw new Error('--url is missing');
  return values;
}

/** Headers of every request. */
export function headers({ token }) {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` };
}

/** What a client declares and answers when `--answer-server` lets servers ask it. */
export const answers = {
  capabilities: { sampling: {}, elicitation: {}, roots: {} },
  'sampling/createMessage': () => ({
    role: 'assistant',
    model: 'none',
    content: { type: 'text', text: 'sampled by the test client' },
  }),
  'elicitation/create': () => ({ action: 'decline' }),
  'roots/list': () => ({ roots: [{ uri: 'file:///test-client', name: 'test client' }] }),
};

/** Connects, runs one operation a line, says goodbye. A failure to connect is a line, and exit code 1. */
export async function run(connect, perform) {
  let session;
  try {
    session = await connect();
  } catch (error) {
    say({ ok: false, op: 'connect', ...failure(error) });
    process.exitCode = 1;
    return;
  }
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue;
    const progress = [];
    try {
      const result = await perform(session, JSON.parse(line), (p) => progress.push(p));
      say({ ok: true, result, ...(progress.length > 0 && { progress }) });
    } catch (error) {
      say({ ok: false, ...failure(error), ...(progress.length > 0 && { progress }) });
    }
  }
  await session.end().catch(() => {});
  // The 1.x SDK keeps timers that would reopen streams of this session.
  process.stdout.write('', () => process.exit());
}

/** The operations that both clients know, by the method of `Client` they call. */
export function perform(client, { op, name, arguments: args, progress }, onprogress) {
  // Only the 2.x client caches; these tests ask the server each time.
  const extra = { cacheMode: 'bypass', ...(progress && { onprogress }) };
  switch (op) {
    case 'ping':
      return client.ping();
    case 'list':
      return client.listTools(args, extra);
    case 'prompts':
      return client.listPrompts(args, extra);
    case 'resources':
      return client.listResources(args, extra);
    case 'templates':
      return client.listResourceTemplates(args, extra);
    case 'read':
      return client.readResource({ uri: name }, extra);
    case 'get_prompt':
      return client.getPrompt({ name, arguments: args }, extra);
    case 'complete':
      return client.complete(args);
    default:
      throw new Error(`unknown op ${JSON.stringify(op)}`);
  }
}

function failure(error) {
  const status =
    error.status ??
    error.data?.status ??
    (error.constructor?.name === 'StreamableHTTPError' ? error.code : undefined);
  return {
    code: error.code ?? error.name,
    message: error.message,
    ...(typeof status === 'number' && { status }),
  };
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
