package cebroker.client;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.protobuf.ByteString;
import com.google.protobuf.Empty;
import io.cloudevents.v1.CloudEventServiceGrpc;
import io.cloudevents.v1.Cloudevents.CloudEvent;
import io.cloudevents.v1.Cloudevents.CloudEventAttributeValue;
import io.cloudevents.v1.Cloudevents.PublishRequest;
import io.cloudevents.v1.Cloudevents.SubscriptionRequest;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import java.io.File;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/** One connection to the broker, and the events of a test. */
final class Client {
  static final int TIMEOUT_S = 30;
  static final String TYPE = "io.ce-broker.test.v1.widgets";

  /** Of what calls end with. */
  record Outcome(String code, String message) {}

  final Flags flags;
  final ManagedChannel channel;
  String cluster;

  Client(Flags flags) throws Exception {
    this.flags = flags;
    cluster = flags.get("cluster") == null ? "java" : flags.get("cluster");
    NettyChannelBuilder builder = NettyChannelBuilder.forTarget(flags.address());
    if (flags.get("ca") == null) builder.usePlaintext();
    else {
      SslContextBuilder context = GrpcSslContexts.forClient().trustManager(new File(flags.get("ca")));
      if (flags.get("cert") != null) context.keyManager(new File(flags.get("cert")), new File(flags.get("key")));
      builder.sslContext(context.build());
    }
    if (flags.get("interval-ms") != null)
      builder
          .keepAliveTime(flags.number("interval-ms", 0), TimeUnit.MILLISECONDS)
          .keepAliveTimeout(2, TimeUnit.SECONDS)
          .keepAliveWithoutCalls(true);
    channel = builder.build();
  }

  private static CloudEventAttributeValue text(String value) {
    return CloudEventAttributeValue.newBuilder().setCeString(value).build();
  }

  CloudEvent.Builder event(String name, byte[] data) {
    String id = cluster + "-" + name;
    return CloudEvent.newBuilder()
        .setId(id)
        .setSource("rpc-clients")
        .setSpecVersion("1.0")
        .setType(TYPE + ".spec.create_request")
        .putAttributes("ce-resourceid", text(id))
        .putAttributes("ce-resourceversion", CloudEventAttributeValue.newBuilder().setCeInteger(1).build())
        .putAttributes("ce-clustername", text(cluster))
        .putAttributes("contenttype", text("application/octet-stream"))
        .setBinaryData(ByteString.copyFrom(data));
  }

  CloudEventServiceGrpc.CloudEventServiceFutureStub calls(int seconds) {
    return CloudEventServiceGrpc.newFutureStub(channel).withDeadlineAfter(seconds, TimeUnit.SECONDS);
  }

  ListenableFuture<Empty> publish(String name, byte[] data) {
    return publish(calls(TIMEOUT_S), event(name, data));
  }

  ListenableFuture<Empty> publish(String name) {
    return publish(name, new byte[] {'{', '}'});
  }

  static ListenableFuture<Empty> publish(
      CloudEventServiceGrpc.CloudEventServiceFutureStub calls, CloudEvent.Builder event) {
    return calls.publish(PublishRequest.newBuilder().setEvent(event).build());
  }

  Subscription subscribe(CallOptions options) {
    SubscriptionRequest asked =
        SubscriptionRequest.newBuilder().setClusterName(cluster).setDataType(TYPE).build();
    return new Subscription(channel, asked, options);
  }

  Subscription subscribe() {
    return subscribe(CallOptions.DEFAULT);
  }

  static Outcome outcome(ListenableFuture<?> call) throws InterruptedException {
    try {
      call.get();
      return new Outcome("OK", "");
    } catch (ExecutionException error) {
      Status status = Status.fromThrowable(error);
      return new Outcome(status.getCode().name(), status.getDescription());
    }
  }

  static String codeOf(ListenableFuture<?> call) throws InterruptedException {
    return outcome(call).code();
  }

  static byte[] data(int size) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) bytes[i] = (byte) (31 * i + (i >> 8));
    return bytes;
  }
}
