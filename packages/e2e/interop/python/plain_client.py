"""grpcio as a plain client: all that it knows of the broker, it learns from server reflection.

usage: plain_client.py HOST:PORT

Prints one line for each thing that held, and ends with 1 at the first that did not.
"""

import queue
import sys
import threading

import grpc
from google.protobuf import empty_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICE = "io.cloudevents.v1.CloudEventService"
TYPE = "io.ce-broker.test.v1.widgets"
TIMEOUT_S = 10


def say(text):
    print(f"ok {text}", flush=True)


class Client:
    """Stubs without generated code: message classes come from the broker's own descriptors."""

    def __init__(self, channel):
        database = ProtoReflectionDescriptorDatabase(channel)
        names = list(database.get_services())
        assert SERVICE in names, f"reflection lists {names}"
        pool = DescriptorPool(database)
        service = pool.FindServiceByName(SERVICE)
        publish, subscribe = (service.FindMethodByName(name) for name in ("Publish", "Subscribe"))
        assert publish.output_type.full_name == "google.protobuf.Empty", publish.output_type.full_name
        assert subscribe.server_streaming and not subscribe.client_streaming
        self.PublishRequest = GetMessageClass(publish.input_type)
        self.SubscriptionRequest = GetMessageClass(subscribe.input_type)
        self.publish_call = channel.unary_unary(
            f"/{SERVICE}/Publish",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=empty_pb2.Empty.FromString,
        )
        self.subscribe_call = channel.unary_stream(
            f"/{SERVICE}/Subscribe",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(subscribe.output_type).FromString,
        )

    def publish(self, event_id, source, action, **attributes):
        request = self.PublishRequest()
        event = request.event
        event.id, event.source, event.spec_version = event_id, source, "1.0"
        event.type = f"{TYPE}.{action}"
        for name, value in attributes.items():
            if isinstance(value, int):
                event.attributes[f"ce-{name}"].ce_integer = value
            else:
                event.attributes[f"ce-{name}"].ce_string = value
        event.attributes["contenttype"].ce_string = "application/json"
        event.binary_data = b'{"hello":"world"}'
        self.publish_call(request, timeout=TIMEOUT_S)

    def subscribe(self, **fields):
        """A stream whose headers have arrived, and a queue of its events without the heartbeats."""
        stream = self.subscribe_call(self.SubscriptionRequest(data_type=TYPE, **fields))
        metadata = first(stream.initial_metadata, "the headers of a subscription")
        ids = [value for key, value in metadata if key == "subscription-id"]
        assert len(ids) == 1 and len(ids[0]) == 36, f"subscription-id: {ids}"
        events = queue.Queue()

        def read():
            try:
                for event in stream:
                    if not event.type.endswith(".heartbeat"):
                        events.put(event)
            except grpc.RpcError:
                pass

        threading.Thread(target=read, daemon=True).start()
        return stream, events


def first(call, what):
    """The result of a blocking call, or an error when it takes too long."""
    result = queue.Queue()
    threading.Thread(target=lambda: result.put(call()), daemon=True).start()
    try:
        return result.get(timeout=TIMEOUT_S)
    except queue.Empty:
        raise AssertionError(f"no answer within {TIMEOUT_S} s: {what}") from None


def code_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def main(address):
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", SERVICE):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, (service, answer)
        say("health: SERVING")

        client = Client(channel)
        say("reflection: the service and its messages")

        agent, specs = client.subscribe(cluster_name="python-cluster")
        source, statuses = client.subscribe(source="python-source")
        say("subscribe: headers at once, with one subscription-id")

        client.publish(
            "spec-1", "python-source", "spec.create_request",
            resourceid="r1", resourceversion=1, clustername="python-cluster",
        )
        event = specs.get(timeout=TIMEOUT_S)
        assert event.id == "spec-1" and event.source == "python-source", event
        assert event.attributes["ce-resourceversion"].ce_integer == 1, event
        assert event.binary_data == b'{"hello":"world"}', event
        say("publish: the agent of the cluster gets the spec as it was sent")

        client.publish(
            "status-1", "python-agent", "status.update_request",
            resourceid="r1", resourceversion=1, clustername="python-cluster", originalsource="python-source",
        )
        event = statuses.get(timeout=TIMEOUT_S)
        assert event.id == "status-1" and event.source == "python-agent", event
        say("publish: the original source gets the status")

        code = code_of(lambda: client.publish_call(client.PublishRequest(), timeout=TIMEOUT_S))
        assert code == grpc.StatusCode.INVALID_ARGUMENT, code
        nobody = client.subscribe_call(client.SubscriptionRequest(data_type=TYPE), timeout=TIMEOUT_S)
        code = code_of(lambda: next(iter(nobody)))
        assert code == grpc.StatusCode.INVALID_ARGUMENT, code
        say("bad requests: INVALID_ARGUMENT")

        agent.cancel()
        source.cancel()


if __name__ == "__main__":
    main(sys.argv[1])
