// A page that uses the gateway from a browser and tells its own server what it could read.

const given = await (await fetch('/given')).json();
const report = {};

/** What a script may see of an answer; a refusal by the browser is its error's name. */
async function step(name, act) {
  try {
    report[name] = await act();
  } catch (error) {
    report[name] = { error: error.name };
  }
}

async function seen(response) {
  const names = ['mcp-session-id', 'www-authenticate', 'x-correlation-id', 'mcp-protocol-version', 'server', 'date'];
  const headers = names.map((name) => [name, response.headers.get(name)]);
  return {
    type: response.type,
    status: response.status,
    headers: Object.fromEntries(headers.filter(([, value]) => value !== null)),
    body: await response.text(),
  };
}

const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
const bearer = { Authorization: `Bearer ${given.token}` };
const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

function post(headers, method, params, options = {}) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const url = options.url ?? given.url;
  return fetch(url, { method: 'POST', headers: { ...json, ...headers }, body, ...options });
}

const client = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'page', version: '1' } };
const call = { name: 'get-x', arguments: { region: 'eu' } };

await step('initialize', async () => seen(await post(bearer, 'initialize', client)));
const session = report.initialize.headers?.['mcp-session-id'];
const inside = { ...bearer, 'MCP-Protocol-Version': '2025-11-25', ...(session && { 'Mcp-Session-Id': session }) };
await step('call', async () => seen(await post(inside, 'tools/call', call)));
await step('modern', async () => {
  const headers = {
    ...bearer,
    'MCP-Protocol-Version': '2026-07-28',
    'Mcp-Method': 'tools/call',
    'Mcp-Name': 'get-x',
    'Mcp-Param-Region': 'eu',
  };
  return seen(await post(headers, 'tools/call', { ...call, _meta: meta }));
});
await step('stream', async () => {
  const headers = { ...inside, Accept: 'text/event-stream', 'Last-Event-ID': '7' };
  const response = await fetch(given.url, { headers });
  const reader = response.body.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return { status: response.status, body: new TextDecoder().decode(value) };
});
await step('end', async () => seen(await fetch(given.url, { method: 'DELETE', headers: inside })));
await step('no token', async () => seen(await post({}, 'tools/call', call)));
await step('bad token', async () => seen(await post({ Authorization: 'Bearer a.b.c' }, 'tools/call', call)));
await step('unknown path', async () => seen(await post(bearer, 'tools/call', call, { url: `${given.url}x` })));
await step('denied', async () => seen(await post(bearer, 'tools/call', { name: 'get-secret' })));
// As the SDKs ask for it, with a header that makes the browser ask first.
const revision = { 'MCP-Protocol-Version': '2025-11-25' };
await step('metadata', async () => seen(await fetch(given.metadata, { headers: revision })));
await step('unknown document', async () => seen(await fetch(`${given.metadata}x`)));
await step('another header', async () => seen(await post({ ...bearer, 'X-Other': '1' }, 'tools/call', call)));
await step('another method', async () => seen(await fetch(given.url, { method: 'PATCH', headers: bearer })));
await step('credentials', async () => seen(await post(bearer, 'tools/call', call, { credentials: 'include' })));
await step('credentials where they may be', async () =>
  seen(await post(bearer, 'tools/call', call, { credentials: 'include', url: given.lenient })),
);
// What browsers send without asking first.
const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: call });
await step('blind', async () => seen(await fetch(given.url, { method: 'POST', mode: 'no-cors', body })));
await step('blind get', async () => seen(await fetch(given.url, { mode: 'no-cors' })));
await step('beacon', async () => navigator.sendBeacon(given.url, body));
await step('events', () => new Promise((resolve) => {
  const source = new EventSource(given.url);
  source.onopen = () => resolve('open');
  source.onerror = () => {
    source.close();
    resolve('error');
  };
}));
await step('socket', () => new Promise((resolve) => {
  const socket = new WebSocket(given.url.replace('http', 'ws'));
  socket.onopen = () => resolve('open');
  socket.onerror = () => resolve('error');
}));
await step('script', () => new Promise((resolve) => {
  const script = document.createElement('script');
  script.onload = () => resolve('run');
  script.onerror = () => resolve('error');
  script.src = given.url;
  document.head.append(script);
}));
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
