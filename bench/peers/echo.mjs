// The echo job over a peer: one producer process, one worker process, every result read back and compared.
//
//   node echo.mjs PEER worker URL                    serves until it is ended
//   node echo.mjs PEER producer URL BYTES SECONDS    prints {"rate": jobs/s, "p50_us": …, "p99_us": …}
//
// A peer's module exports `work(url)` and `connect(url)`: the latter gives `submit(payloads)`, a promise of a result for each, and `close()`.
// A payload begins with its number, so that a result finds its job.

const [peer, role, url, bytes, seconds] = process.argv.slice(2);
const { work, connect } = await import(`./${peer}.mjs`);

const kBatch = 256;
const kBatchesInFlight = Number(bytes) > 65536 ? 1 : 8;

function numbered(first, count, size) {
  return Array.from({ length: count }, (_, index) => {
    const payload = Buffer.alloc(size);
    payload.writeBigUInt64LE(BigInt(first + index));
    return payload;
  });
}

async function checked(payload, result) {
  if (Buffer.compare(payload, await result) !== 0) throw new Error('a result came back wrong');
}

async function rate(client, size, duration) {
  const batch = size > 65536 ? 8 : kBatch;
  const end = performance.now() + 1000 * duration;
  const began = performance.now();
  let next = 0;
  let done = 0;
  const lane = async () => {
    while (performance.now() < end) {
      const payloads = numbered(next, batch, size);
      next += batch;
      await Promise.all(client.submit(payloads).map((result, index) => checked(payloads[index], result)));
      done += batch;
    }
  };
  await Promise.all(Array.from({ length: kBatchesInFlight }, lane));
  return { jobs: done, next, rate: (1000 * done) / (performance.now() - began) };
}

async function latency(client, first, rounds) {
  const samples = [];
  for (let round = 0; round < rounds; ++round) {
    const [payload] = numbered(first + round, 1, 64);
    const began = performance.now();
    await checked(payload, client.submit([payload])[0]);
    samples.push(1000 * (performance.now() - began));
  }
  samples.sort((left, right) => left - right);
  const at = (share) => Math.round(samples[Math.floor(share * (samples.length - 1))]);
  return { p50_us: at(0.5), p99_us: at(0.99) };
}

if (role === 'worker') {
  await work(url);
  console.log('ready');
} else {
  const client = await connect(url);
  const measured = await rate(client, Number(bytes), Number(seconds));
  console.log(JSON.stringify({ rate: Math.round(measured.rate), ...(await latency(client, measured.next, 300)) }));
  await client.close();
  process.exit(0);
}
