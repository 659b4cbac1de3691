// NATS JetStream: jobs and results in streams on disk, both acknowledged.

import { AckPolicy, RetentionPolicy, StorageType, connect as open } from 'nats';

import { Results } from './results.mjs';

async function stream(connection, name) {
  const manager = await connection.jetstreamManager();
  const settings = { name, subjects: [name], storage: StorageType.File, retention: RetentionPolicy.Workqueue };
  await manager.streams.add(settings).catch(() => {});
  await manager.consumers.add(name, { durable_name: 'one', ack_policy: AckPolicy.Explicit, max_ack_pending: 4096 });
  return connection.jetstream().consumers.get(name, 'one');
}

async function each(consumer, take) {
  for await (const message of await consumer.consume({ max_messages: 1024 })) take(message);
}

export async function work(url) {
  const connection = await open({ servers: url });
  const jetstream = connection.jetstream();
  const jobs = await stream(connection, 'jobs');
  await stream(connection, 'results');
  // A result is stored before its job is acknowledged.
  void each(jobs, (message) => jetstream.publish('results', message.data).then(() => message.ack()));
}

export async function connect(url) {
  const connection = await open({ servers: url });
  const jetstream = connection.jetstream();
  const results = new Results();
  void each(await stream(connection, 'results'), (message) => {
    results.came(Buffer.from(message.data));
    message.ack();
  });
  return {
    submit: (payloads) =>
      payloads.map((payload) => {
        const result = results.of(payload);
        return jetstream.publish('jobs', payload).then(() => result);
      }),
    close: () => connection.close(),
  };
}
