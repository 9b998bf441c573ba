/** `GET /debug/recording`: what is recorded now, gzipped. To callers on this machine only: it holds the names of everybody's pods. */
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { batches } from './file.ts';
import type { Recorder } from './recorder.ts';

const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

export function addRecording(app: FastifyInstance, recorder: Recorder): void {
  app.get('/debug/recording', async (request, reply) => {
    if (!LOOPBACK.test(request.socket.remoteAddress ?? '')) return await reply.code(404).send();
    const packed = Readable.from(batches(recorder.lines())).pipe(createGzip());
    return await reply
      .type('application/gzip')
      .header('content-disposition', 'attachment; filename="muster-recording.ndjson.gz"')
      .send(packed);
  });
}
