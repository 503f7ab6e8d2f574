package cebroker.client;

import static cebroker.client.Say.count;
import static cebroker.client.Say.say;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.protobuf.Empty;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** The scenarios with much at a time. */
final class Load {
  private Load() {}

  static void many(Client client) throws Exception {
    List<Subscription> opened = new ArrayList<>();
    for (int number = client.flags.number("count", 1000); number > 0; number--) opened.add(client.subscribe());
    int ids = 0;
    for (Subscription subscription : opened) ids += subscription.ids().size();
    say("subscribed", "count", ids);
    client.publish("all").get();
    int received = 0;
    for (Subscription subscription : opened) if (subscription.receive().getId().endsWith("-all")) received++;
    say("received", "count", received);
    client.cluster += "-quiet";
    List<String> codes = new ArrayList<>();
    for (int first = 0; first < 2000; first += 1000) {
      List<ListenableFuture<Empty>> calls = new ArrayList<>();
      for (int number = first; number < first + 1000; number++) calls.add(client.publish("m" + number));
      for (ListenableFuture<Empty> call : calls) codes.add(Client.codeOf(call));
    }
    say("published", "codes", count(codes));
  }

  static void aging(Client client) throws Exception {
    List<String> codes = new ArrayList<>();
    while (System.in.available() == 0) {
      List<ListenableFuture<Empty>> calls = new ArrayList<>();
      for (int number = 0; number < 32; number++) calls.add(client.publish("a" + (codes.size() + number)));
      for (ListenableFuture<Empty> call : calls) codes.add(Client.codeOf(call));
    }
    say("published", "codes", count(codes));
  }

  static void load(Client client) throws Exception {
    List<Subscription> opened = new ArrayList<>();
    for (int number = 0; number < 16; number++) opened.add(client.subscribe());
    for (Subscription subscription : opened) subscription.ids();
    List<PublishStream> streams = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int worker = 0; worker < 4; worker++) {
      // What the answers bring is sent from a thread of its own: the first answer may come before the constructor is left.
      BlockingQueue<Boolean> answers = new LinkedBlockingQueue<>();
      PublishStream stream = new PublishStream(client, "s" + worker + "-", answer -> answers.add(true));
      streams.add(stream);
      threads.add(start(() -> {
        for (int number = 1; !stream.isOver(); number++) {
          stream.send(number, 1);
          while (!stream.isOver() && answers.poll(10, java.util.concurrent.TimeUnit.MILLISECONDS) == null) {}
        }
      }));
    }
    List<String> codes = Collections.synchronizedList(new ArrayList<>());
    List<Thread> publishers = new ArrayList<>();
    for (int worker = 0; worker < 64; worker++) publishers.add(start(publishing(client, "w" + worker + "-", codes)));
    for (Thread publisher : publishers) publisher.join();
    List<String> subscriptions = new ArrayList<>();
    for (Subscription subscription : opened) subscriptions.add(subscription.end());
    List<String> ends = new ArrayList<>();
    for (PublishStream stream : streams) ends.add(stream.end());
    say("over", "calls", count(codes), "subscriptions", count(subscriptions), "streams", count(ends));
  }

  private static Work publishing(Client client, String name, List<String> codes) {
    return () -> {
      String code = "OK";
      for (int number = 0; code.equals("OK"); number++) {
        code = Client.codeOf(client.publish(name + number));
        synchronized (codes) {
          codes.add(code);
          if (codes.size() == 200) say("running");
        }
      }
    };
  }

  private interface Work {
    void run() throws Exception;
  }

  private static Thread start(Work work) {
    Thread thread = new Thread(() -> {
      try {
        work.run();
      } catch (IllegalStateException over) {
        // The stream ended while a message was on its way to it: its end tells the code.
      } catch (Exception error) {
        error.printStackTrace();
        System.exit(1);
      }
    });
    thread.start();
    return thread;
  }
}
