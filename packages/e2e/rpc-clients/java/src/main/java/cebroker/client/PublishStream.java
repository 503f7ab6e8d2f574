package cebroker.client;

import ce_broker.v1.BrokerGrpc;
import ce_broker.v1.BrokerOuterClass.PublishAnswer;
import ce_broker.v1.BrokerOuterClass.PublishBatch;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** An open PublishStream. */
final class PublishStream implements StreamObserver<PublishAnswer> {
  private final Client client;
  private final String name;
  private final Consumer<PublishAnswer> onAnswer;
  private final StreamObserver<PublishBatch> requests;
  private final CompletableFuture<String> end = new CompletableFuture<>();

  PublishStream(Client client, String name, Consumer<PublishAnswer> onAnswer) {
    this.client = client;
    this.name = name;
    this.onAnswer = onAnswer;
    requests = BrokerGrpc.newStub(client.channel).publishStream(this);
  }

  /** Sends events whose numbers begin with the first. */
  void send(int first, int length) {
    PublishBatch.Builder batch = PublishBatch.newBuilder().setFirstSequence(first);
    for (int number = first; number < first + length; number++)
      batch.addEvents(client.event(name + number, new byte[] {'{', '}'}).build().toByteString());
    requests.onNext(batch.build());
  }

  void finish() {
    requests.onCompleted();
  }

  @Override
  public void onNext(PublishAnswer answer) {
    onAnswer.accept(answer);
  }

  @Override
  public void onError(Throwable error) {
    end.complete(Status.fromThrowable(error).getCode().name());
  }

  @Override
  public void onCompleted() {
    end.complete("OK");
  }

  boolean isOver() {
    return end.isDone();
  }

  /** The code with which it ends. */
  String end() throws Exception {
    return end.get();
  }
}
