package dev.sluice.schemas.tables;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.QueryScore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.apache.avro.file.CodecFactory;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.commons.csv.CSVFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TableReaderTest {
  private static final TableColumns SCORES =
      new TableColumns(
          List.of("query", "candidate"),
          List.of("score"),
          List.of("group", "truth", "node"),
          false);
  private static final TableColumns PASSAGES =
      new TableColumns(List.of("passage", "text"), List.of(), List.of(), true);

  private static List<TableRow> rows(InputStream in, TableFormat format, TableColumns columns)
      throws IOException {
    List<TableRow> rows = new ArrayList<>();
    try (TableReader reader = TableReader.open(in, "t", format, columns)) {
      for (Optional<TableRow> row = reader.next(); row.isPresent(); row = reader.next()) {
        rows.add(row.get());
      }
    }
    return rows;
  }

  private static List<TableRow> rows(String text, TableFormat format, TableColumns columns)
      throws IOException {
    return rows(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)), format, columns);
  }

  private static String refused(String text, TableFormat format) {
    return assertThrows(TableException.class, () -> rows(text, format, SCORES)).getMessage();
  }

  private static String shown(TableRow row) {
    return row.place()
        + "|"
        + row.required("query")
        + "|"
        + row.required("candidate")
        + "|"
        + row.number("score")
        + "|"
        + row.text("group").orElse("-")
        + "|"
        + row.text("truth").orElse("-")
        + "|"
        + row.text("node").orElse("-");
  }

  @ParameterizedTest
  @ValueSource(strings = {"\n", "\r\n", "\r"})
  void readsColumnsInAnyOrderAndLineEndsOfAnyKind(String end) throws IOException {
    String text =
        String.join(
            end,
            "\ufeffscore,query,truth,candidate",
            "1.5,q1,a,a",
            "",
            "-2e-1,\"q \"\"2\"\", or" + end + "so\",,b",
            " .5 ,q3,b,\u00e9\ud83d\ude00");
    assertThat(
        rows(text, TableFormat.CSV, SCORES).stream().map(TableReaderTest::shown).toList(),
        equalTo(
            List.of(
                "2|q1|a|1.5|-|a|-",
                "4|q \"2\", or" + end + "so|b|-0.2|-|-|-",
                "6|q3|\u00e9\ud83d\ude00|0.5|-|b|-")));
  }

  @Test
  void readsJsonLines() throws IOException {
    String text =
        "{\"query\":\"q1\",\"candidate\":\"a\",\"score\":1.5,\"group\":null,\"truth\":\"\"}\r\n"
            + " \n"
            + "{\"score\":3,\"node\":\"n0\",\"candidate\":\"b\",\"query\":\"q\\n2\"}";
    assertThat(
        rows(text, TableFormat.JSON_LINES, SCORES).stream().map(TableReaderTest::shown).toList(),
        equalTo(List.of("1|q1|a|1.5|-|-|-", "3|q\n2|b|3.0|-|-|n0")));
  }

  private static byte[] avro(CodecFactory codec, QueryScore... scores) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DataFileWriter<QueryScore> writer =
        new DataFileWriter<>(new SpecificDatumWriter<>(QueryScore.class))) {
      writer.setCodec(codec);
      writer.create(QueryScore.getClassSchema(), out, new byte[16]);
      for (QueryScore score : scores) {
        writer.append(score);
        if (score.getGroup() != null) {
          writer.sync();
        }
      }
    }
    return out.toByteArray();
  }

  @Test
  void readsAvroAndSaysWhichRecordIsBroken() throws IOException {
    QueryScore[] scores = {
      new QueryScore("q1", "n0", "a", 1.5, "g", null),
      new QueryScore("q1", null, "b", 2.5, "g", "a"),
      new QueryScore("q2", null, "b", Double.NaN, null, "a")
    };
    byte[] file = avro(CodecFactory.nullCodec(), scores);
    assertThat(
        rows(new ByteArrayInputStream(file), TableFormat.AVRO, SCORES).stream()
            .map(TableReaderTest::shown)
            .toList(),
        equalTo(List.of("1|q1|a|1.5|g|-|n0", "2|q1|b|2.5|g|a|-", "3|q2|b|NaN|-|a|-")));
    byte[] cut = Arrays.copyOf(file, file.length - 20);
    assertThat(
        assertThrows(
                TableException.class,
                () -> rows(new ByteArrayInputStream(cut), TableFormat.AVRO, SCORES))
            .getMessage(),
        startsWith("t: record 3: found damage: truncated"));
    byte[] deflated = avro(CodecFactory.deflateCodec(6), scores);
    assertThat(
        assertThrows(
                TableException.class,
                () -> rows(new ByteArrayInputStream(deflated), TableFormat.AVRO, SCORES))
            .getMessage(),
        containsString("codec 'deflate', expected codec 'null'"));
    assertThat(
        assertThrows(
                TableException.class,
                () -> rows("query,candidate,score\n", TableFormat.AVRO, SCORES))
            .getMessage(),
        containsString("t: it does not begin with the bytes of an Avro container"));
  }

  /** Whatever the bytes: rows or a complaint, never another exception and never much memory. */
  @Property(tries = 2000)
  void damagedContainersAreRefusedOrRead(
      @ForAll @Size(max = 4) List<Integer> places, @ForAll byte value) throws IOException {
    byte[] file =
        avro(
            CodecFactory.nullCodec(),
            new QueryScore("q1", "n0", "a", 1.5, "g", null),
            new QueryScore("q1", null, "b", 2.5, null, "a"));
    for (int place : places) {
      file[Math.floorMod(place, file.length)] ^= value;
    }
    try {
      assertThat(
          rows(new ByteArrayInputStream(file), TableFormat.AVRO, SCORES).size(), lessThan(10));
    } catch (TableException e) {
      assertThat(e.getMessage(), startsWith("t: "));
    }
  }

  @Property(tries = 500)
  void anyTextOrNone(@ForAll String text) throws IOException {
    for (TableFormat format : TableFormat.values()) {
      try {
        rows("query,candidate,score\n" + text, format, SCORES);
      } catch (TableException e) {
        assertThat(e.getMessage(), startsWith("t: "));
      }
    }
  }

  @Property(tries = 500)
  void cellsComeBackAsTheyWere(@ForAll @Size(min = 1, max = 5) List<String> texts)
      throws IOException {
    StringBuilder csv = new StringBuilder("text,passage\r\n");
    List<String> expected = new ArrayList<>();
    for (String text : texts) {
      String cell = new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
      if (!cell.isEmpty()) {
        csv.append(CSVFormat.RFC4180.format(cell, "p")).append("\r\n");
        expected.add(cell);
      }
    }
    assertThat(
        rows(csv.toString(), TableFormat.CSV, PASSAGES).stream()
            .map(row -> row.required("text"))
            .toList(),
        equalTo(expected));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "``|found an empty file, expected a header: query, candidate, score and perhaps group",
        "query,candidate,scor|line 1: found no column 'score' among 'query', 'candidate', 'scor'",
        "Query,candidate,score|line 1: found no column 'query' among 'Query'",
        "query,candidate,score,gruop|line 1: found a column 'gruop', expected query, candidate",
        "query,query,candidate,score|line 1: found the column 'query' twice",
        "query,candidate,score~q,a|line 2: found 2 cells, expected 3 as in the header",
        "query,candidate,score~q,a,1,2|line 2: found 4 cells, expected 3",
        "query,candidate,score~q,a,|line 2: score: found an empty cell, expected a number",
        "query,candidate,score~q,,1|line 2: candidate: found an empty cell, expected text",
        "query,candidate,score~q,a,one|line 2: score: found 'one', expected a number",
        "query,candidate,score~q,a,0x1p3|line 2: score: found '0x1p3', expected a number",
        "query,candidate,score~q,a,1d|line 2: score: found '1d', expected a number",
        "query,candidate,score~~\"q~~\",a,1 2|line 3: score: found '1 2', expected a number",
        "query,candidate,score~q,a,1~\"q,a,1|line 3: found no CSV: a quoted cell that does not end",
        "query,candidate,score~\"q\"x,a,1|line 2: found no CSV: Invalid char",
      })
  void saysWhatIsWrongWithCsv(String text, String message) {
    assertThat(refused(text.replace('~', '\n'), TableFormat.CSV), startsWith("t: " + message));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"query\":\"q\",\"candidate\":\"a\"}|score: found nothing, expected a number",
        "{\"query\":\"q\",\"candidate\":\"a\",\"score\":\"1\"}|score: found the string '1'",
        "{\"query\":\"q\",\"candidate\":\"a\",\"score\":null}|score: found null, expected a number",
        "{\"query\":7,\"candidate\":\"a\",\"score\":1}|query: found the number 7, expected a string",
        "{\"query\":\"\",\"candidate\":\"a\",\"score\":1}|query: found nothing, expected text",
        "{\"query\":\"q\",\"query\":\"q\"}|found no JSON object: Duplicate field 'query'",
        "{\"query\":\"q\",\"candidat\":\"a\"}|found a field 'candidat', expected query, candidate",
        "{\"query\":\"q\",\"candidate\":\"a\",\"score\":1} {}|found an object behind the object",
        "[]|found an array, expected a JSON object",
        "{\"query\":\"q\"|found no JSON object: Unexpected end-of-input",
      })
  void saysWhatIsWrongWithJson(String line, String message) {
    assertThat(refused("\n" + line, TableFormat.JSON_LINES), startsWith("t: line 2: " + message));
  }

  @Test
  void numbersThatAreNoneHaveNames() throws IOException {
    String csv = "query,candidate,score\nq,a,nan\nq,b,-INF\nq,c,Infinity\nq,d,1e999\n";
    assertThat(
        rows(csv, TableFormat.CSV, SCORES).stream().map(row -> row.number("score")).toList(),
        equalTo(
            List.of(
                Double.NaN,
                Double.NEGATIVE_INFINITY,
                Double.POSITIVE_INFINITY,
                Double.POSITIVE_INFINITY)));
    String json = "{\"query\":\"q\",\"candidate\":\"a\",\"score\":";
    assertThat(
        rows(
                json + "NaN}\n" + json + "-Infinity}\n" + json + "Infinity}\n" + json + "1e999}",
                TableFormat.JSON_LINES,
                SCORES)
            .stream()
            .map(row -> row.number("score"))
            .toList(),
        equalTo(
            List.of(
                Double.NaN,
                Double.NEGATIVE_INFINITY,
                Double.POSITIVE_INFINITY,
                Double.POSITIVE_INFINITY)));
  }

  @Test
  void saysInWhichLineTheBytesAreNotUtf8() {
    byte[] text =
        "query,candidate,score\nq,a,1\nq,\u00e9,1\n".getBytes(StandardCharsets.ISO_8859_1);
    for (TableFormat format : List.of(TableFormat.CSV, TableFormat.JSON_LINES)) {
      String message =
          assertThrows(
                  TableException.class,
                  () ->
                      rows(
                          new ByteArrayInputStream(
                              format == TableFormat.CSV
                                  ? text
                                  : Arrays.copyOfRange(text, 21, text.length)),
                          format,
                          SCORES))
              .getMessage();
      assertThat(
          message,
          format == TableFormat.CSV
              ? is("t: line 3: found the byte 0xe9, which is not UTF-8, expected a table in UTF-8")
              : startsWith("t: line "));
    }
  }

  /** Bytes that never end. */
  private static InputStream endless(String start) {
    return new SequenceInputStream(
        new ByteArrayInputStream(start.getBytes(StandardCharsets.UTF_8)),
        new InputStream() {
          private long given;

          @Override
          public int read() {
            given++;
            assertThat("bytes read of one row", given, lessThan(3L << 20));
            return 'x';
          }

          @Override
          public int read(byte[] into, int from, int length) {
            Arrays.fill(into, from, from + length, (byte) read());
            given += length;
            return length;
          }
        });
  }

  @Test
  void aRowWithoutAnEndIsRefused() {
    for (String start : List.of("query,candidate,score\nq,a,1\n", "query,candidate,score\n\n\"")) {
      assertThat(
          assertThrows(TableException.class, () -> rows(endless(start), TableFormat.CSV, SCORES))
              .getMessage(),
          startsWith("t: line 3: found a row of more than 1048576 characters"));
    }
    assertThat(
        assertThrows(
                TableException.class, () -> rows(endless("\n"), TableFormat.JSON_LINES, SCORES))
            .getMessage(),
        startsWith("t: line 2: found a row of more than 1048576 characters"));
  }

  @Test
  void aLongCellIsRefusedAndAnAllowedOneIsNot() throws IOException {
    String most = "x".repeat(TableReader.MAX_CELL);
    assertThat(
        rows("passage,text\np," + most + "\n", TableFormat.CSV, PASSAGES).get(0).required("text"),
        is(most));
    for (String bad : List.of("query,candidate,score\n" + most + "x,a,1")) {
      assertThat(
          refused(bad, TableFormat.CSV),
          is("t: line 2: query: found 262145 characters, expected at most 262144 in a cell"));
    }
    assertThat(
        refused("{\"query\":\"" + most + "x\"}", TableFormat.JSON_LINES),
        containsString("query: found 262145 characters"));
  }

  @Test
  void otherColumnsOfPassagesAreNotRead() throws IOException {
    assertThat(
        rows("passage,topic,text,topic\np1,1,t,2\n", TableFormat.CSV, PASSAGES)
            .get(0)
            .required("text"),
        is("t"));
    assertThat(
        rows(
                "{\"passage\":\"p\",\"more\":{\"a\":[1]},\"text\":\"t\"}",
                TableFormat.JSON_LINES,
                PASSAGES)
            .get(0)
            .required("text"),
        is("t"));
    assertThat(
        assertThrows(TableException.class, () -> rows("passage,Text\n", TableFormat.CSV, PASSAGES))
            .getMessage(),
        is(
            "t: line 1: found no column 'text' among 'passage', 'Text', expected passage, text,"
                + " others being ignored"));
  }

  @Test
  void formatsGoByTheEndOfAName() {
    assertThat(TableFormat.of("a/b.CSV"), is(Optional.of(TableFormat.CSV)));
    assertThat(TableFormat.of("b.ndjson"), is(Optional.of(TableFormat.JSON_LINES)));
    assertThat(TableFormat.of("b.jsonl"), is(Optional.of(TableFormat.JSON_LINES)));
    assertThat(TableFormat.of("b.avro"), is(Optional.of(TableFormat.AVRO)));
    assertThat(TableFormat.of("b.csv.gz"), is(Optional.empty()));
  }
}
