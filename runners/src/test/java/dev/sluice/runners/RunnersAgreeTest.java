package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import dev.sluice.schemas.Outcome;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.stream.Stream;
import org.apache.beam.sdk.coders.VoidCoder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.ParDo;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same bytes from either runner, at any parallelism, whatever the uplink files are called. */
class RunnersAgreeTest {
  static final List<RunnerChoice> CHOICES =
      List.of(
          RunnerChoice.direct().withParallelism(1),
          RunnerChoice.direct().withParallelism(2),
          RunnerChoice.flink().withParallelism(1),
          RunnerChoice.flink().withParallelism(2));

  @TempDir Path directory;

  @Test
  void teacherAndManifestAreTheSameFromEveryRunner() throws Exception {
    Path round = Site.sent(directory, "a", "b", "c");
    Files.writeString(round.resolve("uplink/b/notes.txt"), "a reject");
    RoundDirectory at = new RoundDirectory(round.toString());
    Map<String, String> expected = null;
    Random order = new Random(42);
    for (RunnerChoice choice : CHOICES) {
      Outcome outcome = new RoundRunner().aggregate(RoundRunner.plan(at), at, 3, choice);
      assertThat(choice + ": " + outcome, outcome.getComplete(), is(true));
      assertThat(choice + ": " + outcome, outcome.getRejects(), is(1L));
      Map<String, String> results = AggregateCommandTest.results(round);
      expected = expected == null ? results : expected;
      assertThat(choice.toString(), results, is(expected));
      shuffleNames(round, order);
    }
  }

  /** Asked from within a job: by then everything that Flink starts for it is up. */
  @Test
  void flinkListensOnLoopbackOnly() throws IOException {
    Assumptions.assumeTrue(Files.exists(PROC), "no /proc on this machine to look at sockets");
    LISTENING.clear();
    Engines.run(
        RunnerChoice.flink().withParallelism(1),
        "sluice-sockets",
        pipeline ->
            pipeline
                .apply("One", Create.of(1))
                .apply("Look", ParDo.of(new LookFn()))
                .setCoder(VoidCoder.of()));
    assertThat("Flink listens somewhere, or this sees nothing", LISTENING, is(not(empty())));
    assertThat(
        "sockets beyond loopback",
        LISTENING.stream().filter(socket -> !isLoopback(socket)).toList(),
        is(empty()));
  }

  /** The job runs in this process. */
  private static final Set<String> LISTENING = new ConcurrentSkipListSet<>();

  private static class LookFn extends DoFn<Integer, Void> {
    private static final long serialVersionUID = 1L;

    @ProcessElement
    public void look() throws IOException {
      LISTENING.addAll(listeningSockets());
    }
  }

  /** Renames and merges nothing: every node's files under other names, in another order. */
  static void shuffleNames(Path round, Random order) throws IOException {
    List<Path> nodes;
    try (Stream<Path> entries = Files.list(round.resolve("uplink"))) {
      nodes = entries.sorted().toList();
    }
    for (Path node : nodes) {
      shuffleFiles(node, order);
    }
  }

  private static void shuffleFiles(Path uplink, Random order) throws IOException {
    List<Path> files = new ArrayList<>();
    try (Stream<Path> entries = Files.list(uplink)) {
      entries.filter(file -> file.toString().endsWith(".avro")).sorted().forEach(files::add);
    }
    Collections.shuffle(files, order);
    for (int i = 0; i < files.size(); i++) {
      Files.move(files.get(i), uplink.resolve("part " + order.nextInt(1000) + "-" + i + ".avro"));
    }
  }

  private static final Path PROC = Path.of("/proc/self/net/tcp");

  /** Local addresses, in the kernel's hexadecimal, on which this process listens. */
  private static Set<String> listeningSockets() throws IOException {
    Set<String> own = new HashSet<>();
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
      for (Path descriptor : descriptors.toList()) {
        try {
          String target = Files.readSymbolicLink(descriptor).toString();
          if (target.startsWith("socket:[")) {
            own.add(target.substring(8, target.length() - 1));
          }
        } catch (IOException e) {
          // closed meanwhile
        }
      }
    }
    Set<String> listening = new TreeSet<>();
    for (String table : List.of("tcp", "tcp6")) {
      Path file = PROC.resolveSibling(table);
      if (Files.exists(file)) {
        for (String line : Files.readAllLines(file)) {
          String[] fields = line.strip().split("\\s+", -1);
          if (fields.length > 9 && fields[3].equals("0A") && own.contains(fields[9])) {
            listening.add(fields[1].substring(0, fields[1].indexOf(':')));
          }
        }
      }
    }
    return listening;
  }

  /** 127.0.0.0/8, ::1, or the former mapped to IPv6; each 32-bit word is little-endian. */
  private static boolean isLoopback(String hex) {
    return hex.matches("[0-9A-F]{6}7F")
        || hex.equals("00000000000000000000000001000000")
        || hex.matches("0000000000000000FFFF0000[0-9A-F]{6}7F");
  }
}
