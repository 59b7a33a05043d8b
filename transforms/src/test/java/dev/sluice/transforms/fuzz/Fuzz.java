package dev.sluice.transforms.fuzz;

import com.sun.management.ThreadMXBean;
import dev.sluice.transforms.reference.ReferenceTarget;
import dev.sluice.transforms.scores.ScoreFilesTarget;
import java.lang.management.ManagementFactory;
import java.util.List;

/**
 * What Jazzer calls: one target, chosen by name in {@code --target_args}, under limits on time and
 * memory. {@code docs/fuzz.sh} runs it; the seeds are replayed by {@link FuzzTest}.
 */
public final class Fuzz {
  /** CPU time of one input, in nanoseconds. The clock would also count what other work takes. */
  private static final long MOST_NANOS = 1_000_000_000L;

  /** Bytes allocated for one input, live or not. */
  private static final long MOST_BYTES = 256L << 20;

  /** The target that gives every other the same input: one start of a JVM for all of them. */
  static final String ALL = "all";

  private static final List<String> NAMES =
      List.of(
          "block",
          "documents",
          "keys",
          "npy",
          "plan",
          "reference",
          "scores",
          "summaries",
          "symbols",
          "tables",
          "uplink");

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private static FuzzTarget target;

  private Fuzz() {}

  /** Names of the targets, in order. */
  static List<String> names() {
    return NAMES;
  }

  private static FuzzTarget named(String name) {
    return switch (name) {
      case ALL -> new EveryTarget();
      case "block" -> new CodeBlockTarget();
      case "documents" -> new DocumentsTarget();
      case "keys" -> new KeysTarget();
      case "npy" -> new NpyTarget();
      case "plan" -> new PlanTarget();
      case "reference" -> new ReferenceTarget();
      case "scores" -> new ScoreFilesTarget();
      case "summaries" -> new SummariesTarget();
      case "symbols" -> new SymbolsTarget();
      case "tables" -> new TablesTarget();
      case "uplink" -> new UplinkTarget();
      default ->
          throw new IllegalArgumentException("found '" + name + "', expected one of " + NAMES);
    };
  }

  private static final class EveryTarget implements FuzzTarget {
    private final List<FuzzTarget> targets = NAMES.stream().map(Fuzz::named).toList();

    @Override
    public boolean accepts(byte[] input) throws Exception {
      boolean accepted = false;
      for (FuzzTarget target : targets) {
        accepted |= target.accepts(input);
      }
      return accepted;
    }
  }

  /** A target; its classes are loaded, so that its first input is as quick as the next. */
  static FuzzTarget target(String name) throws Exception {
    FuzzTarget target = named(name);
    target.accepts(new byte[0]);
    return target;
  }

  /** Jazzer's: before the first input. */
  public static void fuzzerInitialize(String[] args) throws Exception {
    target = target(String.join(" ", args));
  }

  /** Jazzer's: one input. */
  public static void fuzzerTestOneInput(byte[] input) throws Exception {
    accepts(target, input);
  }

  /**
   * Whether a target accepts an input, within the limits.
   *
   * @throws AssertionError where it takes more twice: once may be the compiler or the collector
   */
  static boolean accepts(FuzzTarget target, byte[] input) throws Exception {
    String excess = "";
    for (int run = 0; run < 2; run++) {
      long nanos = THREADS.getCurrentThreadCpuTime();
      long bytes = THREADS.getCurrentThreadAllocatedBytes();
      boolean accepted = target.accepts(input);
      bytes = THREADS.getCurrentThreadAllocatedBytes() - bytes;
      nanos = THREADS.getCurrentThreadCpuTime() - nanos;
      if (nanos <= MOST_NANOS && bytes <= MOST_BYTES) {
        return accepted;
      }
      excess = nanos / 1_000_000 + " ms of CPU time, " + (bytes >> 20) + " MiB allocated";
    }
    throw new AssertionError(excess + " for an input of " + input.length + " bytes");
  }
}
