"""Celery over redis-server: tasks and results in Redis, payloads as base64, since its messages are JSON.

python3 -m celery -A celery_echo worker ...     the worker
python3 celery_echo.py BYTES SECONDS            the producer: prints {"rate": jobs/s, "p50_us": ..., "p99_us": ...}

PEER_URL names the server.
"""

import base64
import json
import os
import sys
import time

from celery import Celery

URL = os.environ["PEER_URL"]
app = Celery("celery_echo", broker=URL, backend=URL)
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=64)


@app.task(name="echo")
def echo(payload):
    return payload


def payload_of(number, size):
    return base64.b64encode(number.to_bytes(8, "little") + bytes(size - 8)).decode()


def take(result, payload):
    if result.get(timeout=60) != payload:
        sys.exit("a result came back wrong")
    result.forget()


def rate(size, seconds):
    window = 8 if size > 65536 else 256
    began = time.monotonic()
    done = 0
    while time.monotonic() - began < seconds:
        payloads = [payload_of(done + index, size) for index in range(window)]
        results = [echo.delay(payload) for payload in payloads]
        for result, payload in zip(results, payloads):
            take(result, payload)
        done += window
    return done / (time.monotonic() - began)


def latency(rounds):
    samples = []
    for number in range(rounds):
        payload = payload_of(number, 64)
        began = time.monotonic()
        take(echo.delay(payload), payload)
        samples.append(1e6 * (time.monotonic() - began))
    samples.sort()
    return {"p50_us": round(samples[rounds // 2]), "p99_us": round(samples[rounds * 99 // 100])}


if __name__ == "__main__":
    print(json.dumps({"rate": round(rate(int(sys.argv[1]), float(sys.argv[2])))} | latency(200)))
