package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * No test, and run only when asked for by name: how long rounds of three sizes take on the cluster
 * of the tests at parallelism 1 and 2, what of it is CPU, and how large each process becomes. Ends
 * with a table for docs/BENCHMARKS.md.
 */
class ClusterScaling {
  private static final int PROBES = 800;
  private static final List<Integer> SIZES = List.of(1, 2, 4);
  private static final double TICKS_A_SECOND = 100; // of /proc, on every Linux there is

  @TempDir Path directory;

  @Test
  void measure() throws Exception {
    List<String> table = new ArrayList<>();
    table.add(
        "| MB of codes | parallelism | wall s | job s | CPU s of task managers | peak RSS MB: client | job manager | task managers |");
    table.add("|---|---|---|---|---|---|---|---|");
    for (int size : SIZES) {
      Path round = LargeRound.write(directory.resolve("round" + size), size * PROBES);
      Map<String, String> expected = null;
      for (int parallelism : List.of(1, 2)) {
        // New processes, warmed by one run: peaks are of this size alone.
        try (StandaloneFlink flink =
            StandaloneFlink.start(
                "scaling", 2, List.of("-XX:+UseSerialGC", "--add-modules=jdk.incubator.vector"))) {
          Path first = LargeRound.write(directory.resolve("warm"), 80);
          run(flink, first, parallelism);
          LargeRound.forget(round);
          double before = cpuSeconds(flink.living());
          long begun = System.nanoTime();
          long client = run(flink, round, parallelism);
          double wall = (System.nanoTime() - begun) * 1e-9;
          long job = flink.rest().job(newest(flink)).path("duration").asLong();
          List<String> managers = new ArrayList<>();
          for (Process process : flink.living()) {
            managers.add(mb(peakBytes(process.pid())));
          }
          table.add(
              String.format(
                  Locale.ROOT,
                  "| %.0f | %d | %.1f | %.1f | %.1f | %s | %s | %s |",
                  LargeRound.uplinkBytes(round) * 1e-6,
                  parallelism,
                  wall,
                  job * 1e-3,
                  cpuSeconds(flink.living()) - before,
                  mb(client),
                  mb(peakBytes(flink.jobManagerPid())),
                  String.join(", ", managers)));
          Map<String, String> results = LargeRound.results(round);
          expected = expected == null ? results : expected;
          assertThat(results, is(expected));
        }
      }
      Attempt.delete(round.toString());
    }
    System.out.println(String.join("\n", table));
    Files.write(Path.of("target", "scaling.md"), table);
  }

  /** Aggregates a round and returns the client's peak resident bytes. */
  private long run(StandaloneFlink flink, Path round, int parallelism) throws Exception {
    Path log = directory.resolve("client.log");
    Process client =
        LargeRound.start(
            log,
            "aggregate",
            "--round",
            round.toString(),
            "--runner",
            "flink",
            "--flinkMaster",
            flink.master(),
            "--parallelism",
            "" + parallelism);
    long peak = 0;
    while (client.isAlive()) {
      peak = Math.max(peak, peakBytes(client.pid()));
      Thread.sleep(100);
    }
    assertThat(Files.readString(log), client.exitValue(), is(0));
    return peak;
  }

  private static String newest(StandaloneFlink flink) {
    String id = null;
    long start = -1;
    for (FlinkCluster.Job job : flink.rest().jobs()) {
      long started = flink.rest().job(job.id()).path("start-time").asLong();
      if (started > start) {
        start = started;
        id = job.id();
      }
    }
    return id;
  }

  private static String mb(long bytes) {
    return String.format(Locale.ROOT, "%.0f", bytes * 1e-6);
  }

  /** High-water mark of a process; 0 once it is gone. */
  private static long peakBytes(long pid) throws IOException {
    Path status = Path.of("/proc/" + pid + "/status");
    try {
      for (String line : Files.readAllLines(status)) {
        if (line.startsWith("VmHWM:")) {
          return 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
        }
      }
    } catch (IOException e) {
      return 0;
    }
    return 0;
  }

  private static double cpuSeconds(List<Process> processes) throws IOException {
    double seconds = 0;
    for (Process process : processes) {
      String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
      seconds += (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / TICKS_A_SECOND;
    }
    return seconds;
  }
}
