"""grpcio as a client: plays the scenarios of ../README.md.

usage: client.py SCENARIO HOST:PORT [--FLAG VALUE ...]

The generated code is looked for in the folder that CE_BROKER_GENERATED names.
"""

import argparse
import hashlib
import io
import json
import os
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

GENERATED = os.environ["CE_BROKER_GENERATED"]
sys.path.insert(0, GENERATED)
# The package io.cloudevents.v1 lies below a module of Python's own, which is no package.
io.__path__ = [os.path.join(GENERATED, "io")]

from ce_broker.v1 import broker_pb2, broker_pb2_grpc  # noqa: E402
from io.cloudevents.v1 import cloudevents_pb2, cloudevents_pb2_grpc  # noqa: E402

SERVICE = "io.cloudevents.v1.CloudEventService"
TYPE = "io.ce-broker.test.v1.widgets"
TIMEOUT_S = 30


def say(check, **fields):
    print(json.dumps({"check": check, **fields}), flush=True)


def go_on():
    """Waits for the test."""
    if sys.stdin.readline() == "":
        raise SystemExit("the test has gone")


def data_of(size):
    """At least so much of the data of all events: it repeats itself after 64 KiB."""
    return bytes((31 * i + (i >> 8)) & 255 for i in range(65536)) * (size // 65536 + 1)


def event_of(flags, event_id, data=b"{}", event_type=f"{TYPE}.spec.create_request"):
    event_id = f"{flags.cluster}-{event_id}"
    event = cloudevents_pb2.CloudEvent(
        id=event_id, source="rpc-clients", spec_version="1.0", type=event_type, binary_data=data
    )
    event.attributes["ce-resourceid"].ce_string = event_id
    event.attributes["ce-resourceversion"].ce_integer = 1
    event.attributes["ce-clustername"].ce_string = flags.cluster
    event.attributes["contenttype"].ce_string = "application/octet-stream"
    return event


def request_of(*args, **fields):
    return cloudevents_pb2.PublishRequest(event=event_of(*args, **fields))


def outcome(call):
    """Code and message of a call that has been made."""
    error = call.exception()
    return ("OK", "") if error is None else (error.code().name, error.details())


def code_of(call):
    return outcome(call)[0]


class Client:
    def __init__(self, flags):
        self.flags = flags
        options = []
        if flags.interval_ms is not None:
            options += [
                ("grpc.keepalive_time_ms", flags.interval_ms),
                ("grpc.keepalive_timeout_ms", 2_000),
                # Without it the ping goes unanswered for a minute before the connection is given up.
                ("grpc.http2.ping_timeout_ms", 2_000),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.max_pings_without_data", 0),
            ]
        if flags.ca is None:
            self.channel = grpc.insecure_channel(flags.address, options=options)
        else:
            pems = [open(name, "rb").read() if name else None for name in (flags.ca, flags.key, flags.cert)]
            self.channel = grpc.secure_channel(
                flags.address, grpc.ssl_channel_credentials(*pems), options=options
            )
        self.events = cloudevents_pb2_grpc.CloudEventServiceStub(self.channel)
        self.broker = broker_pb2_grpc.BrokerStub(self.channel)

    def publish(self, event_id, data=b"{}", timeout=TIMEOUT_S, **fields):
        return self.events.Publish.future(request_of(self.flags, event_id, data), timeout=timeout, **fields)

    def open(self, **fields):
        asked = cloudevents_pb2.SubscriptionRequest(cluster_name=self.flags.cluster, data_type=TYPE)
        return self.events.Subscribe(asked, **fields)


def ids_of(stream):
    """Waits for the headers of a subscription."""
    return [value for key, value in stream.initial_metadata() if key == "subscription-id"]


def subscribe(client):
    """A stream whose headers are here, and their subscription ids."""
    stream = client.open()
    return stream, ids_of(stream)


def receive(stream):
    """The next event that is not a heartbeat."""
    return next(event for event in stream if not event.type.endswith(".heartbeat"))


def end_of(stream):
    """The code with which a stream ends, whatever comes before."""
    try:
        for _ in stream:
            pass
    except grpc.RpcError as error:
        return error.code().name
    return stream.code().name


def received(event):
    digest = hashlib.sha256(event.binary_data).hexdigest()
    say("received", id=event.id, bytes=len(event.binary_data), sha256=digest)


def one_event(client, **fields):
    stream, ids = subscribe(client)
    say("headers", ids=ids)
    size = client.flags.bytes
    say("published", code=code_of(client.publish("event", data_of(size)[:size], **fields)))
    received(receive(stream))
    return stream


def services(client):
    health = health_pb2_grpc.HealthStub(client.channel)
    answers = [
        health.Check(health_pb2.HealthCheckRequest(service=name), timeout=TIMEOUT_S) for name in ("", SERVICE)
    ]
    names = health_pb2.HealthCheckResponse.ServingStatus
    say("health", statuses=[names.Name(answer.status) for answer in answers])
    reflection = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    question = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = reflection.ServerReflectionInfo(iter([question]), timeout=TIMEOUT_S)
    say("reflection", services=sorted(service.name for service in answer.list_services_response.service))
    described = client.broker.Describe(broker_pb2.DescribeRequest(), timeout=TIMEOUT_S)
    say("describe", features=sorted(described.features))


def events(client):
    one_event(client)


def batch(client, first, count, name="e"):
    ids = [f"{name}{number}" for number in range(first, first + count)]
    made = [event_of(client.flags, event_id).SerializeToString() for event_id in ids]
    return broker_pb2.PublishBatch(first_sequence=first, events=made)


def stream(client):
    answered = threading.Semaphore(0)

    def batches():
        for number in range(1, 51):
            yield batch(client, number, 1)
            while acknowledged < number:
                answered.acquire()
        for first in range(51, 1051, 5):
            yield batch(client, first, 5)

    acknowledged = refused = 0
    call = client.broker.PublishStream(batches(), timeout=TIMEOUT_S)
    for answer in call:
        acknowledged = max(acknowledged, answer.acknowledged)
        refused += len(answer.refusals)
        answered.release()
    say("stream", acknowledged=acknowledged, refused=refused, code=call.code().name)


def large(client):
    one_event(client)
    size = 4 * 1024 * 1024 + 1
    say("over", code=code_of(client.publish("over", data_of(size)[:size])))
    say("after", code=code_of(client.publish("after")))


def deadline(client):
    begun = time.monotonic()
    code = end_of(client.open(timeout=0.5))
    say("deadline", code=code, early=time.monotonic() - begun < 0.45)
    say("after", code=code_of(client.publish("after", timeout=30)))


def cancel(client):
    opened = [subscribe(client) for _ in range(10)]
    say("subscribed", count=sum(len(ids) for _, ids in opened))
    go_on()
    for stream, _ in opened:
        stream.cancel()
    say("cancelled", codes=Counter(end_of(stream) for stream, _ in opened))
    go_on()
    say("after", code=code_of(client.publish("after")))


def metadata(client):
    code, message = outcome(client.publish("anonymous"))
    say("anonymous", code=code, message=message)
    sent = (
        ("authorization", f"Bearer {client.flags.token}"),
        ("x-trace-bin", bytes(range(256))),
        ("x-trace-bin", b"\0"),
        ("x-long", "l" * 8192),
    )
    say("known", code=code_of(client.publish("known", metadata=sent)))


def errors(client):
    def unknown(path):
        return code_of(client.channel.unary_unary(path).future(b"", timeout=TIMEOUT_S))

    say("method", code=unknown(f"/{SERVICE}/Unpublish"))
    say("service", code=unknown("/no.such.Service/Publish"))
    bad = request_of(client.flags, "bad", event_type="größe.ß")
    code, message = outcome(client.events.Publish.future(bad, timeout=TIMEOUT_S))
    say("type", code=code, message=message)
    nobody = client.events.Subscribe(cloudevents_pb2.SubscriptionRequest(data_type=TYPE), timeout=TIMEOUT_S)
    say("subscription", code=end_of(nobody))


def gzip(client):
    one_event(client, compression=grpc.Compression.Gzip)
    zeros = client.publish("bomb", bytes(8 * 1024 * 1024), compression=grpc.Compression.Gzip)
    say("bomb", code=code_of(zeros))
    say("after", code=code_of(client.publish("after")))


def many(client):
    streams = [client.open() for _ in range(client.flags.count)]
    say("subscribed", count=sum(len(ids_of(stream)) for stream in streams))
    client.publish("all").result()
    say("received", count=sum(receive(stream).id.endswith("-all") for stream in streams))
    client.flags.cluster += "-quiet"
    codes = Counter()
    for first in range(0, 2000, 1000):
        calls = [client.publish(f"m{number}") for number in range(first, first + 1000)]
        codes.update(code_of(call) for call in calls)
    say("published", codes=codes)


def aging(client):
    told = threading.Event()
    threading.Thread(target=lambda: (go_on(), told.set()), daemon=True).start()
    codes = Counter()
    while not told.is_set():
        first = sum(codes.values())
        calls = [client.publish(f"a{first + number}") for number in range(32)]
        codes.update(code_of(call) for call in calls)
    say("published", codes=codes)


def load(client):
    calls = Counter()
    lock = threading.Lock()

    def publish(worker):
        code, number = "OK", 0
        while code == "OK":
            code = code_of(client.publish(f"w{worker}-{number}"))
            number += 1
            with lock:
                calls[code] += 1
                if code == "OK" and calls["OK"] == 200:
                    say("running")

    def publish_stream(worker):
        answered = threading.Semaphore(1)
        over = False

        def batches():
            number = 0
            while not over:
                number += 1
                answered.acquire()
                yield batch(client, number, 1, f"s{worker}-")

        call = client.broker.PublishStream(batches())
        try:
            for _ in call:
                answered.release()
        except grpc.RpcError:
            pass
        over = True
        answered.release()
        return call.code().name

    opened = [subscribe(client)[0] for _ in range(16)]
    with ThreadPoolExecutor(100) as pool:
        ends = [pool.submit(end_of, stream) for stream in opened]
        streams = [pool.submit(publish_stream, worker) for worker in range(4)]
        for done in [pool.submit(publish, worker) for worker in range(64)]:
            done.result()
        subscriptions = Counter(end.result() for end in ends)
        say("over", calls=calls, subscriptions=subscriptions, streams=Counter(end.result() for end in streams))


def keepalive(client):
    stream, ids = subscribe(client)
    say("subscribed", count=len(ids))
    go_on()
    client.publish("event").result()
    received(receive(stream))
    say("ended", code=end_of(stream))


def pings(client):
    stream, ids = subscribe(client)
    say("subscribed", count=len(ids))
    say("ended", code=end_of(stream))


def publish(client):
    say("published", code=code_of(client.publish("event", timeout=5)))


SCENARIOS = {
    made.__name__: made
    for made in (
        services, events, stream, large, deadline, cancel, metadata, errors, gzip, many, aging, load, keepalive, pings,
        publish,
    )
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("address")
    for name in ("--ca", "--cert", "--key", "--token"):
        parser.add_argument(name)
    parser.add_argument("--cluster", default="python")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=1000)
    parser.add_argument("--interval-ms", type=int)
    flags = parser.parse_args()
    client = Client(flags)
    SCENARIOS[flags.scenario](client)
    client.channel.close()


main()
