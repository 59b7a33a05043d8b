package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.RejectFile;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What cannot be named or not be read: rejects like others, whoever looks. */
class UnreachableFilesTest {
  @TempDir Path directory;

  private static void sh(Path at, String script) throws Exception {
    Process shell = new ProcessBuilder("sh", "-c", script).directory(at.toFile()).start();
    Assumptions.assumeTrue(shell.waitFor() == 0, "no such names on this filesystem");
  }

  private static Map<String, Long> rejects(RoundDirectory round) throws IOException {
    Manifest manifest = RoundRunner.manifest(round);
    Map<String, Long> rejects = new TreeMap<>();
    for (RejectFile file : manifest.getRejects()) {
      rejects.put(file.getNode(), file.getRecords());
    }
    return rejects;
  }

  @Test
  void theyAreRejects() throws Exception {
    Path root = Files.createDirectories(directory.resolve("rounds"));
    Path round = Schedule.round(root, "r1", "a,b", "a", "b");
    sh(round.resolve("uplink/a"), "echo junk > \"$(printf 'bad-\\377.avro')\"");
    sh(round.resolve("uplink"), "mkdir \"$(printf 'who-\\377')\"");
    Path copy = directory.resolve("copy");
    sh(directory, "cp -r rounds/r1 copy");

    Cli.Result plain = Cli.run("aggregate", "--round", copy.toString());
    assertThat(plain.toString(), plain.code(), is(ExitCodes.DONE_WITH_REJECTS));
    Cli.Result scheduled = Schedule.recompute(root);
    assertThat(scheduled.toString(), scheduled.code(), is(ExitCodes.DONE_WITH_REJECTS));

    Map<String, Long> expected = Map.of("a", 1L, "uplink", 1L);
    assertThat(rejects(new RoundDirectory(copy.toString())), is(expected));
    assertThat(rejects(Locations.round(round.toString())), is(expected));
    assertThat(Schedule.recompute(root).out().contains("1 unchanged"), is(true));
  }

  @Test
  void aDirectoryThatCannotBeReadIsItsNodesLossAlone() throws Exception {
    Path root = Files.createDirectories(directory.resolve("rounds"));
    Path round = Schedule.round(root, "r1", "a,b", "a", "b");
    Path copy = directory.resolve("copy");
    sh(directory, "cp -r rounds/r1 copy");
    for (Path closed : new Path[] {round.resolve("uplink/a"), copy.resolve("uplink/a")}) {
      sh(closed, "chmod 0 .");
    }
    try {
      Assumptions.assumeFalse(
          Files.isReadable(round.resolve("uplink/a")), "whoever runs this may read everything");
      Cli.Result plain = Cli.run("aggregate", "--round", copy.toString(), "--min-nodes", "1");
      assertThat(plain.toString(), plain.code(), is(ExitCodes.DONE_WITH_REJECTS));
      Cli.Result scheduled = Schedule.recompute(root, "--min-nodes", "1");
      assertThat(scheduled.toString(), scheduled.code(), is(ExitCodes.DONE_WITH_REJECTS));
      assertThat(rejects(new RoundDirectory(copy.toString())), is(Map.of("a", 1L)));
      assertThat(rejects(Locations.round(round.toString())), is(Map.of("a", 1L)));
    } finally {
      sh(round, "chmod 700 uplink/a");
      sh(copy, "chmod 700 uplink/a");
    }
  }
}
