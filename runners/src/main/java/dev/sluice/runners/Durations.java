package dev.sluice.runners;

import java.time.DateTimeException;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Lengths of time as people type them. */
final class Durations {
  private static final Pattern SHORT = Pattern.compile("([0-9]{1,9})([smhd])");

  private Durations() {}

  /**
   * Of 90s, 15m, 36h or 14d, or as ISO 8601 has it: PT1H30M.
   *
   * @throws DateTimeException if it is neither, or negative
   */
  static Duration of(String text) {
    Matcher shortly = SHORT.matcher(text);
    Duration duration;
    if (shortly.matches()) {
      long count = Long.parseLong(shortly.group(1));
      duration =
          switch (shortly.group(2)) {
            case "s" -> Duration.ofSeconds(count);
            case "m" -> Duration.ofMinutes(count);
            case "h" -> Duration.ofHours(count);
            default -> Duration.ofDays(count);
          };
    } else {
      duration = Duration.parse(text);
    }
    if (duration.isNegative()) {
      throw new DateTimeException("a negative duration: " + text);
    }
    return duration;
  }
}
