package cebroker.client;

import static cebroker.client.Client.codeOf;
import static cebroker.client.Client.data;
import static cebroker.client.Say.count;
import static cebroker.client.Say.say;

import ce_broker.v1.BrokerGrpc;
import ce_broker.v1.BrokerOuterClass.DescribeRequest;
import com.google.common.util.concurrent.ListenableFuture;
import com.google.protobuf.Empty;
import io.cloudevents.v1.CloudEventServiceGrpc;
import io.cloudevents.v1.Cloudevents.CloudEvent;
import io.cloudevents.v1.Cloudevents.PublishRequest;
import io.cloudevents.v1.Cloudevents.SubscriptionRequest;
import io.grpc.CallOptions;
import io.grpc.Metadata;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.reflection.v1.ServiceResponse;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** grpc-java over Netty as a client: plays the scenarios of the README two folders up. Arguments: SCENARIO HOST:PORT [--FLAG VALUE ...]. */
public final class Main {
  private static final BufferedReader IN = new BufferedReader(new InputStreamReader(System.in));

  public static void main(String[] args) throws Exception {
    Client client = new Client(Flags.read(args));
    switch (args[0]) {
      case "services" -> services(client);
      case "events" -> oneEvent(client, client.calls(Client.TIMEOUT_S));
      case "stream" -> stream(client);
      case "large" -> large(client);
      case "deadline" -> deadline(client);
      case "cancel" -> cancel(client);
      case "metadata" -> metadata(client);
      case "errors" -> errors(client);
      case "gzip" -> gzip(client);
      case "many" -> Load.many(client);
      case "aging" -> Load.aging(client);
      case "load" -> Load.load(client);
      case "keepalive" -> keepalive(client);
      case "publish" -> say("published", "code", codeOf(Client.publish(client.calls(5), client.event("event", data(2)))));
      default -> throw new IllegalArgumentException("no scenario " + args[0]);
    }
    System.exit(0);
  }

  private static void goOn() throws Exception {
    if (IN.readLine() == null) throw new IllegalStateException("the test has gone");
  }

  private static void sayReceived(CloudEvent event) throws Exception {
    byte[] bytes = event.getBinaryData().toByteArray();
    String digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    say("received", "id", event.getId(), "bytes", bytes.length, "sha256", digest);
  }

  private static void oneEvent(Client client, CloudEventServiceGrpc.CloudEventServiceFutureStub calls) throws Exception {
    Subscription subscription = client.subscribe();
    say("headers", "ids", subscription.ids());
    byte[] bytes = data(client.flags.number("bytes", 1000));
    say("published", "code", codeOf(Client.publish(calls, client.event("event", bytes))));
    sayReceived(subscription.receive());
  }

  private static void after(Client client) throws Exception {
    say("after", "code", codeOf(client.publish("after")));
  }

  private static void services(Client client) throws Exception {
    List<String> statuses = new ArrayList<>();
    for (String name : List.of("", CloudEventServiceGrpc.SERVICE_NAME))
      statuses.add(HealthGrpc.newBlockingStub(client.channel)
          .check(HealthCheckRequest.newBuilder().setService(name).build()).getStatus().name());
    say("health", "statuses", statuses);
    CompletableFuture<ServerReflectionResponse> answer = new CompletableFuture<>();
    StreamObserver<ServerReflectionRequest> questions =
        ServerReflectionGrpc.newStub(client.channel).serverReflectionInfo(new StreamObserver<>() {
          @Override
          public void onNext(ServerReflectionResponse response) {
            answer.complete(response);
          }

          @Override
          public void onError(Throwable error) {
            answer.completeExceptionally(error);
          }

          @Override
          public void onCompleted() {
            answer.completeExceptionally(new IllegalStateException("no answer"));
          }
        });
    questions.onNext(ServerReflectionRequest.newBuilder().setListServices("").build());
    questions.onCompleted();
    List<ServiceResponse> services =
        answer.get(Client.TIMEOUT_S, TimeUnit.SECONDS).getListServicesResponse().getServiceList();
    say("reflection", "services", services.stream().map(ServiceResponse::getName).sorted().toList());
    List<String> features =
        BrokerGrpc.newBlockingStub(client.channel).describe(DescribeRequest.getDefaultInstance()).getFeaturesList();
    say("describe", "features", features.stream().sorted().toList());
  }

  private static void stream(Client client) throws Exception {
    BlockingQueue<long[]> answers = new LinkedBlockingQueue<>();
    PublishStream stream = new PublishStream(client, "e",
        answer -> answers.add(new long[] {answer.getAcknowledged(), answer.getRefusalsCount()}));
    long acknowledged = 0;
    long refused = 0;
    for (int number = 1; number <= 50; number++) {
      stream.send(number, 1);
      while (acknowledged < number) {
        long[] answer = answers.poll(Client.TIMEOUT_S, TimeUnit.SECONDS);
        acknowledged = Math.max(acknowledged, answer[0]);
        refused += answer[1];
      }
    }
    for (int first = 51; first < 1051; first += 5) stream.send(first, 5);
    stream.finish();
    String code = stream.end();
    for (long[] answer : answers) {
      acknowledged = Math.max(acknowledged, answer[0]);
      refused += answer[1];
    }
    say("stream", "acknowledged", acknowledged, "refused", refused, "code", code);
  }

  private static void large(Client client) throws Exception {
    oneEvent(client, client.calls(Client.TIMEOUT_S));
    say("over", "code", codeOf(client.publish("over", data(4 * 1024 * 1024 + 1))));
    after(client);
  }

  private static void deadline(Client client) throws Exception {
    long begun = System.nanoTime();
    String code = client.subscribe(CallOptions.DEFAULT.withDeadlineAfter(500, TimeUnit.MILLISECONDS)).end();
    say("deadline", "code", code, "early", System.nanoTime() - begun < 450_000_000L);
    after(client);
  }

  private static void cancel(Client client) throws Exception {
    List<Subscription> opened = new ArrayList<>();
    int ids = 0;
    for (int number = 0; number < 10; number++) opened.add(client.subscribe());
    for (Subscription subscription : opened) ids += subscription.ids().size();
    say("subscribed", "count", ids);
    goOn();
    List<String> codes = new ArrayList<>();
    for (Subscription subscription : opened) subscription.cancel();
    for (Subscription subscription : opened) codes.add(subscription.end());
    say("cancelled", "codes", count(codes));
    goOn();
    after(client);
  }

  private static void metadata(Client client) throws Exception {
    Client.Outcome refused = Client.outcome(client.publish("anonymous"));
    say("anonymous", "code", refused.code(), "message", refused.message());
    Metadata sent = new Metadata();
    sent.put(key("authorization"), "Bearer " + client.flags.get("token"));
    sent.put(key("x-long"), "l".repeat(8192));
    byte[] bytes = new byte[256];
    for (int i = 0; i < 256; i++) bytes[i] = (byte) i;
    Metadata.Key<byte[]> binary = Metadata.Key.of("x-trace-bin", Metadata.BINARY_BYTE_MARSHALLER);
    sent.put(binary, bytes);
    sent.put(binary, Arrays.copyOf(bytes, 1));
    CloudEventServiceGrpc.CloudEventServiceFutureStub calls =
        client.calls(Client.TIMEOUT_S).withInterceptors(MetadataUtils.newAttachHeadersInterceptor(sent));
    say("known", "code", codeOf(Client.publish(calls, client.event("known", data(2)))));
  }

  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  private static void errors(Client client) throws Exception {
    say("method", "code", codeOf(unknown(client, CloudEventServiceGrpc.SERVICE_NAME + "/Unpublish")));
    say("service", "code", codeOf(unknown(client, "no.such.Service/Publish")));
    CloudEvent.Builder bad = client.event("bad", data(2)).setType("größe.ß");
    Client.Outcome refused = Client.outcome(Client.publish(client.calls(Client.TIMEOUT_S), bad));
    say("type", "code", refused.code(), "message", refused.message());
    SubscriptionRequest nobody = SubscriptionRequest.newBuilder().setDataType(Client.TYPE).build();
    say("subscription", "code", new Subscription(client.channel, nobody, CallOptions.DEFAULT).end());
  }

  private static ListenableFuture<Empty> unknown(Client client, String path) {
    var method = CloudEventServiceGrpc.getPublishMethod().toBuilder().setFullMethodName(path).build();
    var options = CallOptions.DEFAULT.withDeadlineAfter(Client.TIMEOUT_S, TimeUnit.SECONDS);
    return ClientCalls.futureUnaryCall(client.channel.newCall(method, options), PublishRequest.getDefaultInstance());
  }

  private static void gzip(Client client) throws Exception {
    oneEvent(client, client.calls(Client.TIMEOUT_S).withCompression("gzip"));
    CloudEvent.Builder zeros = client.event("bomb", new byte[8 * 1024 * 1024]);
    say("bomb", "code", codeOf(Client.publish(client.calls(Client.TIMEOUT_S).withCompression("gzip"), zeros)));
    after(client);
  }

  private static void keepalive(Client client) throws Exception {
    Subscription subscription = client.subscribe();
    say("subscribed", "count", subscription.ids().size());
    goOn();
    client.publish("event").get();
    sayReceived(subscription.receive());
    say("ended", "code", subscription.end());
  }
}
