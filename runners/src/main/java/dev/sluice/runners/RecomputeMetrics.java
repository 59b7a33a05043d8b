package dev.sluice.runners;

import dev.sluice.runners.Recomputation.State;
import java.time.Instant;
import java.util.Locale;

/** What a pass came to, in the text format that Prometheus reads. */
final class RecomputeMetrics {
  private RecomputeMetrics() {}

  /**
   * Figures of the last pass.
   *
   * @param seconds that it took
   * @param now when it ended
   */
  static String text(RecomputeSummary summary, double seconds, Instant now) {
    StringBuilder text = new StringBuilder();
    head(text, "sluice_recompute_rounds", "Rounds by how the last look at them ended.");
    for (State state : State.values()) {
      text.append("sluice_recompute_rounds{state=\"")
          .append(state.label())
          .append("\"} ")
          .append(summary.count(state))
          .append('\n');
    }
    head(
        text,
        "sluice_recompute_rejected_records",
        "Records that versions made then do not use, and that waiting rounds have.");
    text.append("sluice_recompute_rejected_records ").append(summary.rejects()).append('\n');
    head(text, "sluice_recompute_duration_seconds", "How long the last look took.");
    text.append(String.format(Locale.ROOT, "sluice_recompute_duration_seconds %.3f%n", seconds));
    head(text, "sluice_recompute_last_timestamp_seconds", "When the last look ended.");
    text.append("sluice_recompute_last_timestamp_seconds ")
        .append(now.getEpochSecond())
        .append('\n');
    head(
        text,
        "sluice_recompute_success",
        "1 where no round failed, was postponed or overdue, and all were looked at, else 0.");
    int code = summary.exitCode();
    boolean success = code == ExitCodes.OK || code == ExitCodes.DONE_WITH_REJECTS;
    text.append("sluice_recompute_success ").append(success ? 1 : 0).append('\n');
    return text.toString();
  }

  private static void head(StringBuilder text, String name, String help) {
    text.append("# HELP ").append(name).append(' ').append(help).append('\n');
    text.append("# TYPE ").append(name).append(" gauge\n");
  }
}
