package dev.sluice.transforms.fuzz;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What the fuzzer knows of every target, replayed; and a few seconds of fuzzing each. {@code
 * docs/fuzz.sh} fuzzes for longer.
 */
class FuzzTest {
  private static final Path SEEDS = Path.of("src/test/resources/fuzz");

  /** Of fuzzing one target, beside the second or two that Jazzer takes to start. */
  private static final int BRIEFLY_SECONDS = 2;

  static Iterable<String> targets() {
    return Fuzz.names();
  }

  /** Seeds named good- are what the parser is for; a change that made them stale is noticed. */
  @ParameterizedTest
  @MethodSource("targets")
  @Timeout(value = 5, unit = TimeUnit.MINUTES)
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
          long x = 1;
          for (long end = System.nanoTime() + 1_500_000_000L; System.nanoTime() < end; ) {
            x = 31 * x + 7;
          }
          return x != 0;
        };
    assertThrows(AssertionError.class, () -> Fuzz.accepts(slow, new byte[0]));
  }

  /** From the seeds, in a JVM of its own with a heap of 256 MiB. */
  @ParameterizedTest
  @MethodSource("targets")
  @Timeout(value = 5, unit = TimeUnit.MINUTES)
  void aFewSecondsOfFuzzingFindNothing(String name, @TempDir Path corpus) throws Exception {
    Path log = corpus.resolve("../" + corpus.getFileName() + ".log").normalize();
    List<String> command = new ArrayList<>(List.of("sh", "../docs/fuzz-jvm.sh"));
    command.addAll(
        List.of(name, "" + BRIEFLY_SECONDS, corpus.toString(), SEEDS.resolve(name).toString()));
    ProcessBuilder process = new ProcessBuilder(command).redirectErrorStream(true);
    process.environment().put("CLASSPATH", System.getProperty("java.class.path"));
    process.environment().put("JAVA_HOME", System.getProperty("java.home"));
    process.redirectOutput(log.toFile());
    int code = process.start().waitFor();
    String said = Files.readString(log);
    Files.delete(log);
    assertThat(said, code, is(0));
  }
}
