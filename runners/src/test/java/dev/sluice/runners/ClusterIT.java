package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The shaded jar, sent by a process of its own to a cluster of three. */
class ClusterIT {
  private static final int PROBES = 800;

  @TempDir static Path directory;
  private static Path round;
  private static Map<String, String> expected;
  private static StandaloneFlink flink;

  @BeforeAll
  static void start() throws Exception {
    round = LargeRound.write(directory.resolve("round"), PROBES);
    assertThat(LargeRound.uplinkBytes(round), is(greaterThanOrEqualTo(200_000_000L)));
    Cli.Result direct =
        LargeRound.run(
            directory.resolve("direct.log"),
            "aggregate",
            "--round",
            round.toString(),
            "--runner",
            "direct");
    assertThat(direct.toString(), direct.code(), is(0));
    expected = LargeRound.results(round);
    LargeRound.forget(round);
    flink = StandaloneFlink.start("cluster", 2);
  }

  @AfterAll
  static void stop() throws IOException {
    if (flink != null) {
      flink.close();
    }
  }

  private static Process aggregate(String log) throws IOException {
    return LargeRound.start(
        directory.resolve(log),
        "aggregate",
        "--round",
        round.toString(),
        "--runner",
        "flink",
        "--flinkMaster",
        flink.master());
  }

  @Test
  void givesTheBytesOfTheDirectRunner() throws Exception {
    int code = aggregate("undisturbed.log").waitFor();
    String said = Files.readString(directory.resolve("undisturbed.log"));
    assertThat(said + flink.logs(), code, is(0));
    assertThat(LargeRound.results(round), is(expected));
  }
}
