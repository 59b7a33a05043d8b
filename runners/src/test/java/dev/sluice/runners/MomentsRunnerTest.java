package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.Moments;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same moments from either runner; those at hand are used as long as they are of the round. */
class MomentsRunnerTest {
  @TempDir Path directory;

  private static void aggregate(Path round) {
    Cli.Result aggregated = Cli.run("aggregate", "--round", round.toString());
    if (aggregated.code() != 0) {
      throw new IllegalStateException(aggregated.toString());
    }
  }

  private static RoundDirectory at(Path round) {
    return new RoundDirectory(round.toString());
  }

  private static String refusal(Path round, RunnerChoice choice) throws IOException {
    PlannedRound planned = RoundRunner.plan(at(round));
    return assertThrows(
            BadInputException.class, () -> MomentsRunner.moments(planned, at(round), choice))
        .getMessage();
  }

  @Test
  void theyAreTheSameBytesFromEveryRunnerAndOfNoOtherUplinks() throws Exception {
    Path round = Site.sent(directory, "a", "b", "c");
    assertThat(
        refusal(round, RunnerChoice.auto()),
        is(round + "/manifest.json: no such file; 'sluice aggregate' writes it, last of all"));
    aggregate(round);
    PlannedRound planned = RoundRunner.plan(at(round));
    Path file = round.resolve("moments.json");
    byte[] expected = null;
    Path uplink = round.resolve("uplink/b/codes-00002.avro");
    byte[] sent = Files.readAllBytes(uplink);
    for (RunnerChoice choice :
        List.of(
            RunnerChoice.direct().withParallelism(1),
            RunnerChoice.direct().withParallelism(2),
            RunnerChoice.flink().withParallelism(2))) {
      Files.deleteIfExists(file);
      Moments moments = MomentsRunner.moments(planned, at(round), choice);
      byte[] bytes = Files.readAllBytes(file);
      assertThat(choice.toString(), PlainJson.write(moments), is(bytes));
      expected = expected == null ? bytes : expected;
      assertThat(choice.toString(), bytes, is(expected));

      // An earlier document, of another manifest, and an uplink that is not the manifest's.
      moments.setManifestDigest("0".repeat(64));
      Files.write(file, PlainJson.write(moments));
      Files.delete(uplink);
      assertThat(
          choice.toString(),
          refusal(round, choice),
          containsString(
              "the uplink of 'b' in round 'r1' has changed since the round was aggregated: found"
                  + " 28 probes of digest "));
      assertThat(choice.toString(), Files.readAllBytes(file), is(PlainJson.write(moments)));
      Files.write(uplink, sent);
    }
  }

  @Test
  void thoseAtHandAreUsedAsLongAsPlanAndManifestAreTheirs() throws Exception {
    Path round = Site.sent(directory, "a", "b");
    aggregate(round);
    PlannedRound planned = RoundRunner.plan(at(round));
    Path file = round.resolve("moments.json");
    Moments first = MomentsRunner.moments(at(round), planned);
    assertThat(first.getNodes().stream().map(NodeMoments::getName).toList(), is(List.of("a", "b")));

    // Nothing is read again: a number that no uplink gives stays.
    Moments marked = Moments.newBuilder(first).setTeacherSecondMoment(-1).build();
    Files.write(file, PlainJson.write(marked));
    assertThat(MomentsRunner.moments(at(round), planned), is(marked));
    // What is no such document, or another plan's, is made again.
    Files.writeString(file, "{}");
    assertThat(MomentsRunner.moments(at(round), planned), is(first));
    Files.write(
        file, PlainJson.write(Moments.newBuilder(marked).setPlanDigest("0".repeat(64)).build()));
    assertThat(MomentsRunner.moments(at(round), planned), is(first));

    // And so it is when the round has been aggregated from other logits.
    Site.send(round, "b", Site.npy(directory.resolve("other.npy"), Site.logits(77)));
    aggregate(round);
    Moments second = MomentsRunner.moments(at(round), planned);
    assertThat(second.getManifestDigest(), is(not(first.getManifestDigest())));
    assertThat(second.getNodes().get(0), is(first.getNodes().get(0)));
    assertThat(second.getNodes().get(1), is(not(first.getNodes().get(1))));

    Site.plan(directory.resolve("another"), "a,b", plan -> plan.setSeed(5));
    Files.copy(
        directory.resolve("another/plan.json"),
        round.resolve("plan.json"),
        StandardCopyOption.REPLACE_EXISTING);
    assertThat(
        refusal(round, RunnerChoice.auto()),
        containsString("manifest.json: found plan digest " + planned.digestHex()));
  }
}
