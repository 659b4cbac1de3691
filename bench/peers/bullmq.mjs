// BullMQ over redis-server: payloads travel as base64, since its jobs are JSON.

import { Queue, QueueEvents, Worker } from 'bullmq';

const kName = 'echo';

export async function work(url) {
  const worker = new Worker(kName, async (job) => job.data, { connection: { url, maxRetriesPerRequest: null }, concurrency: 256 });
  await worker.waitUntilReady();
}

export async function connect(url) {
  const queue = new Queue(kName, { connection: { url }, defaultJobOptions: { removeOnComplete: true } });
  // From the first event on: one that reads from "now" may begin after the first jobs have completed.
  const events = new QueueEvents(kName, { connection: { url, maxRetriesPerRequest: null }, lastEventId: '0-0' });
  await events.waitUntilReady();
  const waiting = new Map();
  events.on('completed', ({ jobId, returnvalue }) => {
    waiting.get(jobId)?.(Buffer.from(returnvalue.d, 'base64'));
    waiting.delete(jobId);
  });
  return {
    submit(payloads) {
      const jobs = payloads.map((payload) => {
        const jobId = `${process.pid}-${payload.readBigUInt64LE()}`;
        return { name: kName, data: { d: payload.toString('base64') }, opts: { jobId } };
      });
      const results = jobs.map(({ opts }) => new Promise((resolve) => waiting.set(opts.jobId, resolve)));
      const added = queue.addBulk(jobs);
      return results.map((result) => added.then(() => result));
    },
    async close() {
      await events.close();
      await queue.close();
    },
  };
}
