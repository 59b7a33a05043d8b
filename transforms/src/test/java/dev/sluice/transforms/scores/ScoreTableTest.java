package dev.sluice.transforms.scores;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScoreTableTest {
  @TempDir Path directory;

  private static NodeChannel channel() throws IOException {
    return NodeChannel.draft("n0", List.of("a", "b", "c"), 12, 2, 20, 0, "external");
  }

  private ScoreTable table(String text, OutOfRange outOfRange) throws IOException {
    Path file = Files.writeString(directory.resolve("s.csv"), text);
    return ScoreTable.of(file.toString(), channel(), outOfRange);
  }

  @Test
  void countsThisNodesRowsAndPassesOverOthers() throws IOException {
    ScoreTable table =
        table(
            "query,candidate,score,node\nq,a,1,n0\nq,b,2,\nq,zz,-3,n1\n,,,\n".replace(",,,\n", ""),
            OutOfRange.REFUSE);
    assertThat(table.check(), equalTo(new ScoreTable.Counts(2, 1)));
    List<String> rows = new ArrayList<>();
    table.forEach((query, row) -> rows.add(query + row.getCandidate() + row.getScore()));
    assertThat(rows, equalTo(List.of("q01.0", "q12.0")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "q,d,1,,|candidate: found 'd', expected one of the candidates 'a', 'b', 'c'",
        "q,a,-0.001,,|score: found -0.001, expected 0 to 20.0 nats (--out-of-range clip",
        "q,a,20.001,,|score: found 20.001, expected 0 to 20.0 nats",
        "q,a,nan,,|score: found nan, expected 0 to 20.0 nats",
        "q,a,inf,,|score: found an infinite score, expected 0 to 20.0 nats",
        "q,a,1,,d|truth: found 'd', expected one of the candidates",
        "q,a,1,g\u0007,a|group: found 'g?', which has a character that is no text, expected 1 to",
        "q\u0007,a,1,,|query: found 'q?', which has a character that is no text",
      })
  void namesTheFirstRowThatCannotBeUsed(String row, String message) throws IOException {
    ScoreTable table =
        table(
            "query,candidate,score,group,truth\nq,b,1,,\n" + row + "\nq,e,1,,\n",
            OutOfRange.REFUSE);
    assertThat(
        assertThrows(IOException.class, table::check).getMessage(),
        containsString("s.csv: line 3: " + message));
  }

  @Test
  void clippingLeavesTheRangeToTheQuantizerButForInfinity() throws IOException {
    ScoreTable table = table("query,candidate,score\nq,a,inf\nq,b,-1\nq,c,21\n", OutOfRange.CLIP);
    List<Double> scores = new ArrayList<>();
    table.forEach((query, row) -> scores.add(row.getScore()));
    assertThat(scores, equalTo(List.of(Double.NaN, -1.0, 21.0)));
  }

  @Test
  void saysSoWhereNothingIsOfThisNode() throws IOException {
    String header = "query,candidate,score,node\n";
    assertThat(
        assertThrows(BadInputException.class, table(header, OutOfRange.REFUSE)::check).getMessage(),
        containsString("s.csv: found no rows, expected scores of node 'n0'"));
    assertThat(
        assertThrows(
                BadInputException.class,
                table(header + "q,a,1,n2\nq,a,1,n1\n", OutOfRange.REFUSE)::check)
            .getMessage(),
        containsString("found no rows but of nodes 'n1', 'n2', expected scores of node 'n0'"));
  }

  @Test
  void candidatesAreSortedByTheirBytes() throws IOException {
    Path file =
        Files.writeString(
            directory.resolve("s.csv"),
            "query,candidate,score,node\nq,\ud83d\ude00,1,n9\nq,b,1,\nq,\uffee,1,\nr,b,1,\n");
    assertThat(
        ScoreTable.candidates(file.toString()), equalTo(List.of("b", "\uffee", "\ud83d\ude00")));
  }

  @Test
  void theNameSaysTheFormat() {
    assertThat(
        assertThrows(
                BadInputException.class,
                () -> ScoreTable.of("/x/s.txt", channel(), OutOfRange.REFUSE))
            .getMessage(),
        is(
            "/x/s.txt: found a name that does not say the format, expected one that ends with .csv,"
                + " .jsonl, .ndjson or .avro"));
    assertThat(
        assertThrows(BadInputException.class, () -> QueryTable.of("/x/q.avro", channel()))
            .getMessage(),
        containsString("expected one that ends with .csv, .jsonl or .ndjson"));
  }

  @Test
  void queriesAreChecked() throws IOException {
    Path file = Files.writeString(directory.resolve("q.csv"), "query,text,truth\nq,t,a\nr,t,x\n");
    QueryTable table = QueryTable.of(file.toString(), channel());
    assertThat(
        assertThrows(IOException.class, table::check).getMessage(),
        containsString("q.csv: line 3: truth: found 'x', expected one of the candidates"));
    Files.writeString(file, "query,text,truth\nq,t,a\nr,t,\n");
    assertThat(table.check(), is(2L));
    Files.writeString(file, "query,text\n");
    assertThat(
        assertThrows(IOException.class, table::check).getMessage(),
        containsString("q.csv: found no rows, expected queries"));
  }
}
