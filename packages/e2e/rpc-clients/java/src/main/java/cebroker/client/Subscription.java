package cebroker.client;

import io.cloudevents.v1.CloudEventServiceGrpc;
import io.cloudevents.v1.Cloudevents.CloudEvent;
import io.cloudevents.v1.Cloudevents.SubscriptionRequest;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** An open Subscribe. */
final class Subscription extends ClientCall.Listener<CloudEvent> {
  private static final Metadata.Key<String> ID =
      Metadata.Key.of("subscription-id", Metadata.ASCII_STRING_MARSHALLER);

  private final ClientCall<SubscriptionRequest, CloudEvent> call;
  private final CompletableFuture<List<String>> ids = new CompletableFuture<>();
  private final CompletableFuture<String> end = new CompletableFuture<>();
  private final BlockingQueue<CloudEvent> events = new LinkedBlockingQueue<>();

  Subscription(ManagedChannel channel, SubscriptionRequest asked, CallOptions options) {
    call = channel.newCall(CloudEventServiceGrpc.getSubscribeMethod(), options);
    call.start(this, new Metadata());
    call.sendMessage(asked);
    call.halfClose();
    call.request(Integer.MAX_VALUE);
  }

  @Override
  public void onHeaders(Metadata headers) {
    List<String> seen = new ArrayList<>();
    Iterable<String> values = headers.getAll(ID);
    if (values != null) values.forEach(seen::add);
    ids.complete(seen);
  }

  @Override
  public void onMessage(CloudEvent event) {
    if (!event.getType().endsWith(".heartbeat")) events.add(event);
  }

  @Override
  public void onClose(Status status, Metadata trailers) {
    ids.completeExceptionally(status.asException());
    end.complete(status.getCode().name());
  }

  /** Waits for the headers. */
  List<String> ids() throws Exception {
    return ids.get(Client.TIMEOUT_S, TimeUnit.SECONDS);
  }

  CloudEvent receive() throws Exception {
    CloudEvent event = events.poll(Client.TIMEOUT_S, TimeUnit.SECONDS);
    if (event == null) throw new IllegalStateException("no event; the end: " + end.getNow("none"));
    return event;
  }

  void cancel() {
    call.cancel("the test wants it", null);
  }

  /** The code with which it ends. */
  String end() throws Exception {
    return end.get();
  }
}
