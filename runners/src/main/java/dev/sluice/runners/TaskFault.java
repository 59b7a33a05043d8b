package dev.sluice.runners;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a failed task has to say of input or files; read off a stack trace as text, which is what a
 * cluster hands out.
 *
 * @param message for people
 * @param lasting whether trying again at once can only fail again
 */
record TaskFault(String message, boolean lasting) {
  /** An exception of our own names the file and what was expected of it. */
  private static final Pattern OWN =
      Pattern.compile("(?m)^(?:Caused by: )?dev\\.sluice\\.[\\w.$]+Exception: (.*)$");

  private static final Pattern FULL =
      Pattern.compile("(?m)^.*?(No space left on device|Disk quota exceeded).*$");

  private static final Pattern FILES =
      Pattern.compile("^(?:Caused by: )?(java\\.(?:io|nio\\.file)\\.\\w+Exception): (.*)");

  /** The first code of a trace that is ours, or Flink's. */
  private static final Pattern WHOSE =
      Pattern.compile("(?m)^\\s+at (?:\\S+//)?(dev\\.sluice|org\\.apache\\.flink)\\.");

  /**
   * Reads an entry of Flink's exception history.
   *
   * @param entry with stacktrace and, where a task failed, endpoint
   */
  static Optional<TaskFault> of(JsonNode entry) {
    String place = entry.path("endpoint").asText("");
    return of(
        entry.path("stacktrace").asText(), place.matches("|null|\\(unassigned\\)") ? "" : place);
  }

  /** Reads what Flink's client threw. */
  static Optional<TaskFault> of(Throwable failure) {
    StringWriter trace = new StringWriter();
    failure.printStackTrace(new PrintWriter(trace, true));
    return of(trace.toString(), "");
  }

  private static Optional<TaskFault> of(String trace, String place) {
    Matcher own = OWN.matcher(trace);
    if (own.find()) {
      return Optional.of(new TaskFault(own.group(1), true));
    }
    String root = trace.substring(Math.max(0, trace.lastIndexOf("Caused by: ")));
    Matcher full = FULL.matcher(trace);
    if (full.find()) {
      Matcher whose = WHOSE.matcher(trace).region(full.end(), trace.length());
      boolean ours = whose.find() && whose.group(1).equals("dev.sluice");
      return Optional.of(
          new TaskFault(
              (place.isEmpty() ? "on the cluster" : "task manager " + place)
                  + (ours ? "" : ", among Flink's own temporary files (io.tmp.dirs)")
                  + ": "
                  + full.group(1),
              true));
    }
    Matcher files = FILES.matcher(root);
    Matcher whose = WHOSE.matcher(root);
    if (files.find() && whose.find() && whose.group(1).equals("dev.sluice")) {
      boolean bare = files.group(1).startsWith("java.nio.file.");
      return Optional.of(
          new TaskFault(
              (place.isEmpty() ? "" : "task manager " + place + ": ")
                  + files.group(2)
                  + (bare ? ": " + files.group(1).replaceAll(".*\\.", "") : ""),
              false));
    }
    return Optional.empty();
  }
}
