package dev.sluice.transforms.fuzz;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What the fuzzer knows of every target, replayed; and some seconds of fuzzing. {@code
 * docs/fuzz.sh} fuzzes for longer, each by itself.
 */
@Tag("long")
class FuzzTest {
  private static final Path SEEDS = Path.of("src/test/resources/fuzz");

  /** Of fuzzing, beside the seconds that Jazzer takes to start. */
  private static final int SECONDS = 15;

  static Iterable<String> targets() {
    return Fuzz.names();
  }

  /** Seeds named good- are what the parser is for; a change that made them stale is noticed. */
  @ParameterizedTest
  @MethodSource("targets")
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void seedsAreReadWithinTheLimits(String name) throws Exception {
    FuzzTarget target = Fuzz.target(name);
    int good = 0;
    for (Path seed : seeds(name)) {
      boolean accepted = Fuzz.accepts(target, Files.readAllBytes(seed));
      boolean expected = seed.getFileName().toString().startsWith("good-");
      assertThat(seed.toString(), accepted, is(expected));
      good += expected ? 1 : 0;
    }
    assertThat(name + " has no good seed", good, is(not(0)));
  }

  private static List<Path> seeds(String target) throws IOException {
    try (Stream<Path> files = Files.list(SEEDS.resolve(target))) {
      return files.sorted().toList();
    }
  }

  @Test
  void limitsAreEnforced() {
    FuzzTarget hungry =
        input -> {
          byte[][] held = new byte[1][];
          for (int i = 0; i < 300; i++) {
            held[0] = new byte[1 << 20];
          }
          return held[0].length > 0;
        };
    assertThrows(AssertionError.class, () -> Fuzz.accepts(hungry, new byte[0]));
    FuzzTarget slow =
        input -> {
          ThreadMXBean threads = ManagementFactory.getThreadMXBean();
          long end = threads.getCurrentThreadCpuTime() + 1_100_000_000L;
          while (threads.getCurrentThreadCpuTime() < end) {
            Thread.onSpinWait();
          }
          return true;
        };
    assertThrows(AssertionError.class, () -> Fuzz.accepts(slow, new byte[0]));
  }

  /** From the seeds of all targets, in a JVM of its own with a heap of 256 MiB. */
  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void someSecondsOfFuzzingFindNothing(@TempDir Path directory) throws Exception {
    Path log = directory.resolve("log");
    Path corpus = Files.createDirectory(directory.resolve("corpus"));
    List<String> command = new ArrayList<>(List.of("sh", "../docs/fuzz-jvm.sh", Fuzz.ALL));
    command.addAll(List.of("" + SECONDS, corpus.toString()));
    Fuzz.names().forEach(name -> command.add(SEEDS.resolve(name).toString()));
    ProcessBuilder process = new ProcessBuilder(command).redirectErrorStream(true);
    process.environment().put("CLASSPATH", System.getProperty("java.class.path"));
    process.environment().put("JAVA_HOME", System.getProperty("java.home"));
    process.environment().put("FUZZ_FLAGS", "-XX:TieredStopAtLevel=1"); // it is over soon
    process.redirectOutput(log.toFile());
    int code = process.start().waitFor();
    String said = Files.readString(log);
    assertThat(said, code, is(0));
    assertThat(said, matchesPattern("(?s).*number_of_executed_units: [1-9][0-9]+.*"));
  }
}
