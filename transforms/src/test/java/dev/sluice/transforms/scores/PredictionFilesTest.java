package dev.sluice.transforms.scores;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import dev.sluice.schemas.PredictionPart;
import dev.sluice.schemas.PredictionSet;
import dev.sluice.schemas.Predictions;
import dev.sluice.schemas.ScoreChannel;
import dev.sluice.schemas.ScoreFile;
import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.ScoreRejects;
import dev.sluice.schemas.SwarmQuery;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.scores.ScoreFixture.Row;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@link WritePredictionSets} and {@link CommitPredictions}: what lies in sets/ when they end. */
class PredictionFilesTest {
  @TempDir Path root;
  private ServedSwarm served;

  /** Two nodes, of which one claims more queries than there are, so that there are parts. */
  @BeforeEach
  void scores() throws IOException {
    List<Row> rows = List.of(new Row("q", null, "a", 1, 2, 3, 4));
    ScoreDirectory directory =
        ScoreFixture.in(root).node("n0", 40, 4, rows).node("n1", 40, 4, rows).directory();
    Path channel = root.resolve("scores/n1/channel.json");
    ScoreChannel document =
        PlainJson.read(
            ScoreChannel.class, ScoreChannel.getClassSchema(), Files.readAllBytes(channel), "");
    document.setQueries(40_000L);
    document.getFiles().get(0).setQueries(40_000L);
    Files.write(channel, PlainJson.write(document));
    CalibratedThreshold threshold =
        ThresholdFixture.write(
            directory, ThresholdFixture.row("0.1", 40, 2.0), ThresholdFixture.row("0.2", 40, 1.0));
    SwarmChannel swarm = SwarmChannel.read(directory, List.of("n0", "n1"));
    served = new ServedSwarm(threshold, swarm, new ArrayList<>(), true, 2);
  }

  private static List<SwarmQuery> queries(int n) {
    Random random = new Random(5);
    List<SwarmQuery> queries = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      queries.add(
          PredictionSetsTest.query(
              i == 3 ? "\uD83D\uDE00" : i == 4 ? "\uFF5E" : "q" + i, // by UTF-16 the other way
              null,
              -1,
              random.doubles(4, 0, 6).toArray(),
              2,
              2,
              2,
              2));
    }
    return queries;
  }

  private Predictions run(List<SwarmQuery> queries, List<ScoreReject> rejects) throws IOException {
    return ServedFixture.run(
        served,
        queries,
        rejects,
        Predictions.class,
        (asked, rejected, aside) ->
            PCollectionTuple.of(
                    CommitPredictions.PARTS,
                    asked
                        .apply(PredictionSets.of(served.threshold()))
                        .apply(WritePredictionSets.into(served, aside)))
                .and(CommitPredictions.REJECTS, rejected)
                .apply(CommitPredictions.of(served, aside)));
  }

  private Map<String, String> files() throws IOException {
    Map<String, String> files = new TreeMap<>();
    for (String part : List.of("sets", "score-rejects")) {
      if (Files.exists(root.resolve(part))) {
        try (Stream<Path> tree = Files.walk(root.resolve(part))) {
          for (Path file : tree.filter(Files::isRegularFile).toList()) {
            files.put(
                root.relativize(file).toString(),
                HexFormat.of().formatHex(Files.readAllBytes(file)));
          }
        }
      }
    }
    return files;
  }

  private List<PredictionSet> read(String name) throws IOException {
    List<PredictionSet> sets = new ArrayList<>();
    try (DataFileReader<PredictionSet> reader =
        new DataFileReader<>(
            root.resolve("sets").resolve(name).toFile(),
            new SpecificDatumReader<>(PredictionSet.class))) {
      reader.forEach(sets::add);
    }
    return sets;
  }

  private static ScoreReject reject(String query) {
    return new ScoreReject(null, query, "missing-nodes", "x", null);
  }

  @Test
  void partsAreSortedAndAccountedFor() throws IOException {
    Predictions done = run(queries(300), List.of(reject("r")));
    assertThat(done.getFiles().size(), is(3)); // ceil(40 000 / 16 384)
    AnswerSets kernel = new AnswerSets(served.threshold());
    Map<String, PredictionSet> expected = new TreeMap<>();
    queries(300).forEach(q -> expected.put(q.getQuery(), kernel.of(q)));
    long answers = 0;
    long singletons = 0;
    long empty = 0;
    for (ScoreFile file : done.getFiles()) {
      Path path = root.resolve("sets").resolve(file.getName());
      assertThat(ScoreFixture.sha256(path), is(file.getSha256()));
      List<PredictionSet> sets = read(file.getName());
      assertThat((long) sets.size(), is(file.getQueries()));
      byte[] last = {};
      for (PredictionSet set : sets) {
        byte[] name = set.getQuery().getBytes(StandardCharsets.UTF_8);
        assertThat(Arrays.compareUnsigned(name, last), is(greaterThan(0)));
        last = name;
        assertThat(set, is(expected.remove(set.getQuery())));
        assertThat(
            file.getName(),
            is(ScoreDirectory.part("sets", WritePredictionSets.part(set.getQuery(), 3))));
        int size = set.getSets().get(0).getAnswers().size();
        answers += size;
        singletons += size == 1 ? 1 : 0;
        empty += size == 0 ? 1 : 0;
      }
    }
    assertThat(expected.isEmpty(), is(true));
    assertThat(done.getQueries(), is(300L));
    assertThat(done.getSizes().get(0).getAnswers(), is(answers));
    assertThat(done.getSizes().get(0).getSingletons(), is(singletons));
    assertThat(done.getSizes().get(0).getEmpty(), is(empty));
    assertThat(done.getSizes().get(0).getInfiniteThreshold(), is(0L));
    assertThat(done.getThresholdDigest(), is(served.threshold().digestHex()));
    assertThat(done.getRejects().get(0).getReason(), is("missing-nodes"));
    assertThat(
        PlainJson.read(
            Predictions.class,
            Predictions.getClassSchema(),
            Files.readAllBytes(Path.of(served.directory().predictions())),
            ""),
        is(done));
  }

  @Test
  void bytesDoNotDependOnTheOrderOfArrival() throws IOException {
    List<SwarmQuery> queries = queries(300);
    run(queries, List.of(reject("r"), reject("s")));
    Map<String, String> first = files();
    assertThat(first.size(), is(5));
    Collections.shuffle(queries, new Random(1));
    run(queries, List.of(reject("s"), reject("r")));
    assertThat(files(), is(first));
  }

  @Test
  void whatAnEarlierRunLeftIsGone() throws IOException {
    Files.createDirectories(root.resolve("sets"));
    Files.writeString(root.resolve("sets/sets-00007.avro"), "stale");
    Files.writeString(root.resolve("sets/notes.txt"), "mine");
    run(queries(20), List.of(reject("r")));
    assertThat(files().keySet(), not(hasItem("sets/sets-00007.avro")));
    assertThat(files().keySet(), hasItem("sets/notes.txt"));
    assertThat(files().keySet(), hasItem("score-rejects/predict.avro"));
    run(queries(20), List.of());
    assertThat(files().keySet(), not(hasItem("score-rejects/predict.avro")));
  }

  @Test
  void withNothingToAnswerAnEarlierCommitIsAsItWas() throws IOException {
    Predictions none = run(List.of(), List.of(reject("r")));
    assertThat(none.getQueries(), is(0L));
    assertThat(files().keySet(), is(java.util.Set.of("score-rejects/predict.avro")));
    run(queries(20), List.of());
    Map<String, String> committed = files();
    run(List.of(), List.of(reject("r")));
    assertThat(files(), is(committed));
  }

  @Test
  void committingAgainDoesNoHarm() throws IOException {
    Path aside = Files.createDirectories(root.resolve(".attempt-y"));
    Files.writeString(aside.resolve("part"), "sets");
    Files.writeString(aside.resolve("rejects"), "rejects");
    PredictionPart part =
        new PredictionPart(
            0,
            aside.resolve("part").toString(),
            1L,
            1L,
            List.of(
                new dev.sluice.schemas.SetSizes("0.1", 1L, 1L, 0L, 0L),
                new dev.sluice.schemas.SetSizes("0.2", 1L, 1L, 0L, 0L)),
            "0".repeat(64));
    List<ScoreRejects> rejects =
        List.of(new ScoreRejects(aside.resolve("rejects").toString(), List.of()));
    Predictions once = new PredictionCommit(served).commit(List.of(part), rejects);
    Map<String, String> committed = files();
    assertThat(new PredictionCommit(served).commit(List.of(part), rejects), is(once));
    assertThat(files(), is(committed));
    assertThat(
        once.getMismatch(),
        is(List.of("1 query was answered by fewer than the 2 nodes that calibration asked for")));
  }

  @Test
  void partsByQueriesAndCandidates() {
    assertThat(WritePredictionSets.parts(0, 4), is(1));
    assertThat(WritePredictionSets.parts(16_384, 64), is(1));
    assertThat(WritePredictionSets.parts(16_385, 64), is(2));
    assertThat(WritePredictionSets.parts(16_384, 128), is(2));
    assertThat(WritePredictionSets.parts(1000, 4096), is(4));
    assertThat(WritePredictionSets.parts(1L << 40, 4096), is(100_000));
    int[] counts = new int[4];
    for (int i = 0; i < 4000; i++) {
      counts[WritePredictionSets.part("q" + i, 4)]++;
    }
    for (int n : counts) {
      assertThat(Math.abs(n - 1000) < 137, is(true)); // Binomial(4000, 1/4), sd 27.4, 5 sd
    }
  }
}
