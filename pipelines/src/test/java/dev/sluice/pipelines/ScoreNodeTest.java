package dev.sluice.pipelines;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.pipelines.site.QueryScorer;
import dev.sluice.schemas.ScorePacket;
import dev.sluice.schemas.TrueAnswer;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.scores.NodeChannel;
import dev.sluice.transforms.scores.QueryTable;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.scores.ScoreNames;
import dev.sluice.transforms.scores.ScoreTable;
import dev.sluice.transforms.storage.Storage;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.beam.runners.direct.DirectOptions;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScoreNodeTest {
  private static final List<String> CANDIDATES = List.of("a", "b", "c", "d");

  /** Not deleted: after a failed run, the direct runner's other threads may still be writing. */
  @TempDir(cleanup = CleanupMode.NEVER)
  Path directory;

  private NodeChannel channel;

  @BeforeEach
  void draft() throws IOException {
    channel = NodeChannel.draft("n0", CANDIDATES, 16, 3, 20, 1, "external");
  }

  private static void run(int parallelism, Consumer<Pipeline> build) {
    DirectOptions options = PipelineOptionsFactory.create().as(DirectOptions.class);
    options.setTargetParallelism(parallelism);
    options.setEnforceImmutability(false);
    options.setEnforceEncodability(false);
    Pipeline pipeline = Pipeline.create(options);
    build.accept(pipeline);
    pipeline.run().waitUntilFinish();
  }

  private void score(String csv, OutOfRange outOfRange, int parallelism, String labels)
      throws IOException {
    Path file = Files.writeString(directory.resolve("scores.csv"), csv);
    ScoreTable table = ScoreTable.of(file.toString(), channel, outOfRange);
    long rows = table.check().rows();
    ScoreDirectory target = new ScoreDirectory(directory + "/round");
    ScoreDirectory labelled = new ScoreDirectory(directory + "/" + labels);
    run(
        parallelism,
        pipeline ->
            ScoreNode.build(
                pipeline,
                table,
                rows,
                channel,
                outOfRange,
                new ScoreNode.Target(target, labelled, "x" + parallelism)));
  }

  private static String csv(List<String> rows) {
    return "query,candidate,score,group,truth\n" + String.join("\n", rows) + "\n";
  }

  /** Rows of queries with odd names, some without groups or true answers. */
  private static List<String> rows(int queries) {
    List<String> rows = new ArrayList<>();
    Random random = new Random(5);
    for (int i = 0; i < queries; i++) {
      String name = (i % 7 == 0 ? "\ud83d\ude00" : i % 5 == 0 ? "\uffee" : "q") + i;
      for (String candidate : CANDIDATES) {
        rows.add(
            String.join(
                ",",
                name,
                candidate,
                "" + random.nextInt(20_000) / 1000.0,
                i % 2 == 0 ? "even" : "",
                i % 3 == 0 ? "" : CANDIDATES.get(i % 4)));
      }
    }
    return rows;
  }

  private Map<String, String> files(String below) throws IOException {
    Map<String, String> files = new TreeMap<>();
    Path root = directory.resolve(below);
    if (Files.exists(root)) {
      try (Stream<Path> tree = Files.walk(root)) {
        for (Path file : tree.filter(Files::isRegularFile).toList()) {
          files.put(
              root.relativize(file).toString(), HexFormat.of().formatHex(Files.readAllBytes(file)));
        }
      }
    }
    return files;
  }

  private <T> List<T> records(Class<T> type, String file) throws IOException {
    List<T> records = new ArrayList<>();
    File path = directory.resolve(file).toFile();
    try (DataFileReader<T> reader = new DataFileReader<>(path, new SpecificDatumReader<>(type))) {
      reader.forEach(records::add);
    }
    return records;
  }

  @Test
  void packetsAreThoseOfTheKernelInTheOrderOfNames() throws IOException {
    score(csv(rows(40)), OutOfRange.REFUSE, 2, "round");
    List<ScorePacket> packets = records(ScorePacket.class, "round/scores/n0/scores-00000.avro");
    assertThat(packets.size(), is(40));
    ScoreQuantizer quantizer = channel.quantizer(OutOfRange.REFUSE);
    for (int i = 0; i < 40; i++) {
      ScorePacket packet = packets.get(i);
      if (i > 0) {
        assertThat(
            ScoreNames.compare(packet.getQuery(), packets.get(i - 1).getQuery()), greaterThan(0));
      }
      double[] scores =
          rows(40).stream()
              .map(row -> row.split(",", -1))
              .filter(cells -> cells[0].equals(packet.getQuery()))
              .mapToDouble(cells -> Double.parseDouble(cells[2]))
              .toArray();
      byte[] bytes = new byte[packet.getPacket().remaining()];
      packet.getPacket().duplicate().get(bytes);
      assertThat(
          bytes, equalTo(quantizer.encode(channel.budget(), packet.getQuery(), scores).bytes()));
    }
    List<TrueAnswer> answers = records(TrueAnswer.class, "round/labels/n0/labels-00000.avro");
    assertThat(
        answers.stream().map(TrueAnswer::getQuery).toList(),
        equalTo(
            packets.stream().filter(ScorePacket::getLabelled).map(ScorePacket::getQuery).toList()));
    NodeChannel sent = NodeChannel.read(new ScoreDirectory(directory + "/round"), "n0");
    assertThat(sent.document().getQueries(), is(40L));
    assertThat(sent.document().getLabelled(), is((long) answers.size()));
    assertThat(sent.document().getClipped(), is(0L));
  }

  @Test
  void theBytesDoNotDependOnTheOrderOfRowsOrTheParallelism() throws IOException {
    channel = NodeChannel.draft("n0", CANDIDATES, 16, 3, 20, 1, "external");
    List<String> rows = rows(300);
    score(csv(rows), OutOfRange.REFUSE, 1, "round");
    Map<String, String> first = files("round");
    assertThat(
        List.copyOf(first.keySet()),
        equalTo(
            List.of(
                "labels/n0/labels-00000.avro",
                "scores/n0/channel.json",
                "scores/n0/scores-00000.avro")));
    Collections.shuffle(rows, new Random(9));
    score(csv(rows), OutOfRange.CLIP, 3, "round");
    assertThat(files("round"), equalTo(first));
  }

  /**
   * The bytes themselves: names, packets, framing and marker. A change of these is a new format.
   */
  @Test
  void aSmallFileIsTheseBytes() throws IOException {
    score(
        csv(
            List.of("q2,a,0.5,,", "q1,b,9.25,g,b", "q1,a,3,g,b", "q1,d,20,g,b", "q2,c,7,,").stream()
                .flatMap(
                    row -> row.startsWith("q2,c") ? Stream.of(row, "q2,d,1,,") : Stream.of(row))
                .toList()),
        OutOfRange.REFUSE,
        2,
        "round");
    Map<String, String> files = files("round");
    String scores = files.get("scores/n0/scores-00000.avro");
    String labels = files.get("labels/n0/labels-00000.avro");
    assertThat(scores.substring(scores.indexOf("7d00") + 4), is(GOLDEN_SCORES));
    // Behind the marker: one record in five bytes, q1 and b.
    assertThat(labels.substring(labels.indexOf("7d00") + 36), startsWith("020a0471310262"));
  }

  /** Marker, two records in 18 bytes, q1 of group g with a label, q2 without either, marker. */
  private static final String GOLDEN_SCORES =
      "787744301f11043ccd0f6c50da87fafd042404713102026701045571047132000004b60a"
          + "787744301f11043ccd0f6c50da87fafd";

  @Test
  void whatAnEarlierScoringLeftIsReplaced() throws IOException {
    Storage.replace(directory + "/round/scores/n0/scores-00007.avro", new byte[] {1});
    Storage.replace(directory + "/round/labels/n0/labels-00000.avro", new byte[] {1});
    Storage.replace(directory + "/own/labels/n0/labels-00003.avro", new byte[] {1});
    Storage.replace(directory + "/round/scores/n0/notes.txt", new byte[] {1});
    Storage.replace(directory + "/round/scores/n1/scores-00007.avro", new byte[] {1});
    score(csv(rows(4)), OutOfRange.REFUSE, 2, "own");
    assertThat(
        List.copyOf(files("round").keySet()),
        equalTo(
            List.of(
                "scores/n0/channel.json",
                "scores/n0/notes.txt",
                "scores/n0/scores-00000.avro",
                "scores/n1/scores-00007.avro")));
    assertThat(List.copyOf(files("own").keySet()), equalTo(List.of("labels/n0/labels-00000.avro")));
  }

  @Test
  void queriesWithoutTrueAnswersHaveNoLabels() throws IOException {
    score("query,candidate,score\nq,a,1\nq,b,2\nq,d,3\n", OutOfRange.REFUSE, 1, "round");
    assertThat(
        List.copyOf(files("round").keySet()),
        equalTo(List.of("scores/n0/channel.json", "scores/n0/scores-00000.avro")));
  }

  @Test
  void scoresOutsideAreMovedAndCounted() throws IOException {
    score(
        "query,candidate,score\nq,a,-1\nq,b,nan\nq,c,inf\nq,d,3\nr,a,0\nr,b,20\nr,c,1e9\n",
        OutOfRange.CLIP,
        1,
        "round");
    NodeChannel sent = NodeChannel.read(new ScoreDirectory(directory + "/round"), "n0");
    assertThat(sent.document().getClipped(), is(4L));
    List<ScorePacket> packets = records(ScorePacket.class, "round/scores/n0/scores-00000.avro");
    byte[] bytes = new byte[packets.get(0).getPacket().remaining()];
    packets.get(0).getPacket().get(bytes);
    assertThat(
        bytes,
        equalTo(
            channel
                .quantizer(OutOfRange.REFUSE)
                .encode(channel.budget(), "q", new double[] {0, 20, 20, 3})
                .bytes()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "q,a,1,,~r,a,1,,~r,b,1,,~r,c,1,,~q,b,1,,~q,a,2,,|line 7: found query 'q' with a candidate that line 2 has",
        "q,a,1,g,~q,b,1,h,~q,c,1,g,|line 3: found query 'q' with another group than in line 2",
        "q,a,1,,a~q,b,1,,a~q,c,1,,|line 4: found query 'q' with another truth than in line 2",
        "q,a,1,,~q,b,1,,|line 2: found query 'q' with scores of 2 candidates, expected at least"
            + " the 3 that are sent",
      })
  void rowsThatDoNotAgreeFailTheRunAndLeaveWhatWasThere(String rows, String message)
      throws IOException {
    score(csv(rows(3)), OutOfRange.REFUSE, 1, "round");
    Map<String, String> before = files("round/scores");
    Exception failure =
        assertThrows(
            Exception.class,
            () -> score(csv(List.of(rows.split("~"))), OutOfRange.REFUSE, 2, "round"));
    assertThat(failure.toString(), allOf(containsString("scores.csv: " + message)));
    assertThat(files("round/scores"), equalTo(before));
  }

  /** Scores by the length of a text. */
  private static final class LengthScorer implements QueryScorer {
    private static final long serialVersionUID = 1L;

    @Override
    public String name() {
      return "length";
    }

    @Override
    public Session open() {
      return new Session() {
        @Override
        public double[] score(String query, String text) {
          return new double[] {text.length(), 1, 2, 3};
        }

        @Override
        public void close() {}
      };
    }
  }

  private void ask(String csv, OutOfRange outOfRange) throws IOException {
    Path file = Files.writeString(directory.resolve("queries.csv"), csv);
    QueryTable table = QueryTable.of(file.toString(), channel);
    long rows = table.check();
    ScoreDirectory target = new ScoreDirectory(directory + "/round");
    run(
        2,
        pipeline ->
            ScoreNode.build(
                pipeline,
                table,
                rows,
                new LengthScorer(),
                channel,
                outOfRange,
                new ScoreNode.Target(target, target, "x")));
  }

  @Test
  void aSitesOwnScorerAnswersAsATableOfItsScoresWould() throws IOException {
    ask("query,text,group,truth\nr,four,,\nq,seventeen letters,g,b\n", OutOfRange.REFUSE);
    Map<String, String> asked = files("round");
    List<String> rows = new ArrayList<>();
    for (int y = 0; y < 4; y++) {
      rows.add("q," + CANDIDATES.get(y) + "," + (y == 0 ? 17 : y) + ",g,b");
      rows.add("r," + CANDIDATES.get(y) + "," + (y == 0 ? 4 : y) + ",,");
    }
    score(csv(rows), OutOfRange.REFUSE, 1, "round");
    assertThat(files("round"), equalTo(asked));
  }

  @Test
  void aScorersScoreOutsideTheRangeIsTreatedAsATables() throws IOException {
    String csv = "query,text\nq,a text of more than twenty letters\n";
    assertThat(
        assertThrows(Exception.class, () -> ask(csv, OutOfRange.REFUSE)).toString(),
        containsString(
            "node 'n0': query 'q', candidate 'a': found a score of 34.0, expected 0 to 20.0 nats"));
    assertThat(files("round/scores"), equalTo(Map.of()));
    ask(csv, OutOfRange.CLIP);
    assertThat(
        NodeChannel.read(new ScoreDirectory(directory + "/round"), "n0").document().getClipped(),
        is(1L));
  }

  @Test
  void aQueryThatIsAskedTwiceIsRefusedWithBothLines() {
    assertThat(
        assertThrows(
                Exception.class, () -> ask("query,text\nq,x\nr,x\n\nq,y\nq,z\n", OutOfRange.REFUSE))
            .toString(),
        containsString("queries.csv: line 5: query: found 'q', which line 2 has, expected each"));
  }
}
