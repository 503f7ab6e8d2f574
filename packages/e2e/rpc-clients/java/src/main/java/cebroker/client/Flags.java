package cebroker.client;

import java.util.HashMap;
import java.util.Map;

/** What stands behind the scenario on the command line. */
record Flags(String address, Map<String, String> values) {
  static Flags read(String[] args) {
    Map<String, String> values = new HashMap<>();
    for (int at = 2; at + 1 < args.length; at += 2) values.put(args[at], args[at + 1]);
    return new Flags(args[1], values);
  }

  /** Null without it. */
  String get(String name) {
    return values.get("--" + name);
  }

  int number(String name, int otherwise) {
    String text = get(name);
    return text == null ? otherwise : Integer.parseInt(text);
  }
}
