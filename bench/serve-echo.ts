/** The floor: a bare node:http server that reads the whole body and answers what it was told to answer. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answer } from './child.ts';

let reply: Buffer = Buffer.from('{}');
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    Buffer.concat(chunks);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': reply.length }).end(reply);
  });
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
answer(
  {
    cpu: () => process.cpuUsage(),
    url: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reply: (bytes: Uint8Array) => {
      reply = Buffer.from(bytes);
    },
  },
  async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  },
);
