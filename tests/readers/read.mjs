// What Node reads in JSON-RPC messages: one of them in base64 a line, one reading a line.

import { createInterface } from 'node:readline';

const one = (message) => [message?.method ?? null, message?.params?.name ?? null];

for await (const line of createInterface({ input: process.stdin })) {
  let calls = null;
  try {
    // As servers decode bodies: bytes that are no UTF-8 are replaced, a BOM is dropped.
    const value = JSON.parse(new TextDecoder().decode(Buffer.from(line, 'base64')));
    calls = (Array.isArray(value) ? value : [value]).map(one);
  } catch {
    // No reading: the server refuses it.
  }
  process.stdout.write(`${JSON.stringify({ node: calls })}\n`);
}
