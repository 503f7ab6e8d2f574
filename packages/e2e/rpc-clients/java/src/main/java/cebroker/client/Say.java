package cebroker.client;

import java.nio.charset.StandardCharsets;
import java.io.PrintStream;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Lines for the test: one JSON object each. */
final class Say {
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  private Say() {}

  /** Names and values in turn. */
  static synchronized void say(String check, Object... fields) {
    StringBuilder line = new StringBuilder("{\"check\":").append(json(check));
    for (int at = 0; at < fields.length; at += 2)
      line.append(',').append(json(fields[at])).append(':').append(json(fields[at + 1]));
    OUT.println(line.append('}'));
  }

  static Map<String, Long> count(List<String> codes) {
    return codes.stream().collect(Collectors.groupingBy(code -> code, TreeMap::new, Collectors.counting()));
  }

  private static String json(Object value) {
    if (value instanceof List<?> list) return list.stream().map(Say::json).collect(Collectors.joining(",", "[", "]"));
    if (value instanceof Map<?, ?> map)
      return map.entrySet().stream()
          .map(entry -> json(entry.getKey()) + ":" + json(entry.getValue()))
          .collect(Collectors.joining(",", "{", "}"));
    if (value instanceof String text) return quote(text);
    return String.valueOf(value);
  }

  private static String quote(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char letter : text.toCharArray()) {
      if (letter == '"' || letter == '\\') out.append('\\').append(letter);
      else if (letter < ' ') out.append(String.format("\\u%04x", (int) letter));
      else out.append(letter);
    }
    return out.append('"').toString();
  }
}
