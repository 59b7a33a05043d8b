package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScoreCommandTest {
  private static final String SCORES =
      "query,candidate,score,truth,node\n"
          + "q1,a,0.5,a,n0\nq1,b,3,a,n0\nq1,c,7,a,n0\n"
          + "q2,c,1,,n0\nq2,a,2,,n0\nq2,b,25,,n0\nq1,a,1,,n1\n";

  @TempDir Path directory;

  private Path file(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  /** 'DIR/' in an argument is the test's directory. */
  private Cli.Result score(String... more) {
    List<String> args =
        new ArrayList<>(List.of("score", "--round", "DIR/round", "--node", "n0", "--bits", "12"));
    args.addAll(List.of(more));
    return Cli.run(
        args.stream().map(arg -> arg.replace("DIR/", directory + "/")).toArray(String[]::new));
  }

  private List<String> files() throws IOException {
    try (Stream<Path> tree = Files.walk(directory)) {
      return tree.filter(Files::isRegularFile)
          .map(file -> directory.relativize(file).toString())
          .filter(file -> file.contains("/"))
          .sorted()
          .toList();
    }
  }

  private static void refused(Cli.Result result, int code, String message) {
    assertThat(result.toString(), result.code(), is(code));
    assertThat(result.err(), allOf(containsString(message), not(containsString("\tat "))));
    assertThat(result.out(), is(""));
  }

  @Test
  void scoresOfATableAreSent() throws IOException {
    file("s.csv", SCORES);
    Cli.Result result = score("--scores", "DIR/s.csv", "--out-of-range", "clip", "--top", "2");
    assertThat(result.toString(), result.code(), is(0));
    assertThat(
        result.out(),
        allOf(
            containsString("node       n0: 2 queries, 1 labelled, in 1 file"),
            containsString("candidates a, b, c; the 2 of least score are sent"),
            containsString("(budget 12): 2 for which candidates, "),
            containsString("clipped    1 score\n"),
            containsString("passed by  1 row of other nodes"),
            containsString("scorer     external")));
    assertThat(result.err(), containsString("the candidates are those in "));
    assertThat(
        files(),
        equalTo(
            List.of(
                "round/labels/n0/labels-00000.avro",
                "round/scores/n0/channel.json",
                "round/scores/n0/scores-00000.avro")));
    byte[] sent = Files.readAllBytes(directory.resolve("round/scores/n0/channel.json"));
    Cli.Result again =
        score(
            "--scores",
            "DIR/s.csv",
            "--out-of-range",
            "clip",
            "--top",
            "2",
            "--candidates",
            "a, b,c",
            "--parallelism",
            "1",
            "--labels",
            "DIR/own");
    assertThat(again.toString(), again.code(), is(0));
    assertThat(
        Files.readAllBytes(directory.resolve("round/scores/n0/channel.json")), equalTo(sent));
    assertThat(
        files(),
        equalTo(
            List.of(
                "own/labels/n0/labels-00000.avro",
                "round/scores/n0/channel.json",
                "round/scores/n0/scores-00000.avro")));
  }

  @Test
  void aFailureLeavesTheEarlierScoring() throws IOException {
    file("s.csv", SCORES.replace("25", "20"));
    assertThat(score("--scores", "DIR/s.csv").code(), is(0));
    List<String> before = files();
    byte[] sent = Files.readAllBytes(directory.resolve("round/scores/n0/channel.json"));
    file("s.csv", SCORES);
    refused(
        score("--scores", "DIR/s.csv"), 3, "s.csv: line 7: score: found 25.0, expected 0 to 20.0");
    file("s.csv", SCORES.replace("q2,b,25", "q2,c,5"));
    refused(
        score("--scores", "DIR/s.csv"),
        3,
        "s.csv: line 7: found query 'q2' with a candidate that line 5 has scored");
    assertThat(files(), equalTo(before));
    assertThat(
        Files.readAllBytes(directory.resolve("round/scores/n0/channel.json")), equalTo(sent));
    try (Stream<Path> round = Files.list(directory.resolve("round"))) {
      assertThat(
          round.filter(path -> path.getFileName().toString().startsWith(".")).count(), is(0L));
    }
  }

  @Test
  void aSitesPassagesScoreItsQueries() throws IOException {
    file("p.csv", "passage,text,topic\np1,rocket to the moon,space\np2,goal and match,sport\n");
    file("q.csv", "query,text,truth\nq1,a rocket,moon\nq2,the match,\n");
    file("list", "moon\ngoal\n");
    String[] options = {
      "--corpus",
      "DIR/p.csv",
      "--queries",
      "DIR/q.csv",
      "--candidates-file",
      "DIR/list",
      "--lambda",
      "0.25",
      "--passages-per-query",
      "3"
    };
    Cli.Result result = score(options);
    assertThat(result.toString(), result.code(), is(0));
    assertThat(
        result.out(),
        allOf(
            containsString("2 queries, 1 labelled"),
            not(containsString("own rows")),
            containsString("scorer     bm25-jelinek-mercer k=3 lambda=0.25 over 2 passages"),
            containsString("candidates moon, goal; all 2 are sent")));
    String sent = Files.readString(directory.resolve("round/scores/n0/channel.json"));
    String[] flink = Arrays.copyOf(options, options.length + 4);
    flink[options.length] = "--runner";
    flink[options.length + 1] = "flink";
    flink[options.length + 2] = "--parallelism";
    flink[options.length + 3] = "2";
    result = score(flink);
    assertThat(result.toString(), result.code(), is(0));
    assertThat(Files.readString(directory.resolve("round/scores/n0/channel.json")), equalTo(sent));
    file("q.csv", "query,text\nq1,a rocket\nq1,the match\n");
    refused(score(options), 3, "q.csv: line 3: query: found 'q1', which line 2 has");
    file("p.csv", "passage,txt\np1,x\n");
    refused(score(options), 3, "p.csv: line 1: found no column 'text' among 'passage', 'txt'");
  }

  @Test
  void queriesWithRowsOfTheirOwnAreCounted() throws IOException {
    file("p.csv", "passage,text\np1,rocket to the moon\np2,goal and match\np3,a cup\n");
    String[] options = {
      "--corpus", "DIR/p.csv", "--queries", "DIR/q.csv", "--candidates-file", "DIR/list"
    };
    file("list", "moon, or \"luna\"\ngoal\n\n");
    file("q.csv", "query,text\np1,a rocket\nq2,goal  and match\nq3,cup\n");
    Cli.Result result = score(options);
    assertThat(result.toString(), result.code(), is(0));
    assertThat(
        result.out(),
        allOf(
            containsString(
                "\nown rows   2 queries have rows of their own among the passages, left out of"
                    + " retrieval and of the language model; those of test queries should be there"
                    + " too, or none\n"),
            containsString("\ncandidates \"moon, or \"\"luna\"\"\", goal; all 2 are sent")));
    file("q.csv", "query,text\np1,a rocket\n");
    assertThat(score(options).out(), containsString("\nown rows   1 query has rows"));
  }

  @Test
  void aListOfCandidatesIsCheckedLineByLine() throws IOException {
    file("s.csv", SCORES.replace("25", "20"));
    String[] options = {"--scores", "DIR/s.csv", "--candidates-file", "DIR/list"};
    String none = "list: found no candidates, expected 1 to 4096, one per line";
    for (String empty : List.of("", "\n", "\ufeff\r\n")) {
      file("list", empty);
      refused(score(options), 3, none);
    }
    file("list", "a\n\nb\nc\n");
    refused(score(options), 3, "list: line 2: found a blank line, expected a candidate");
    file("list", "a\nb\nc\n \n\n");
    refused(score(options), 3, "list: line 4: found a blank line, expected a candidate");
    file("list", "a\nb\nc\nb\n");
    refused(score(options), 3, "list: line 4: found 'b', which line 2 has, expected each once");
    file("list", "a\nb\u0007\n");
    refused(score(options), 3, "list: line 2: found a name that has a character that is no text");
    file("list", "a\n".repeat(4097));
    refused(score(options), 3, "list: found 4097 candidates, expected 1 to 4096, one per line");
    assertThat(files(), is(List.of()));
    for (String whole : List.of("a\nb\nc", "a\r\nb\r\nc\r\n", "a\nb\nc\n \n")) {
      file("list", whole);
      Cli.Result result = score(options);
      assertThat(result.toString(), result.code(), is(0));
      assertThat(result.out(), containsString("candidates a, b, c; all 3 are sent"));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--corpus DIR/x.csv|--corpus needs --queries",
        "--queries DIR/x.csv|--queries needs --corpus",
        "--corpus x.csv --queries y.csv|--corpus needs --candidates or --candidates-file",
        "--top 1|--scores, or --corpus and --queries, must be given",
        "--scores s.csv --corpus x.csv|--corpus cannot be given with --scores",
        "--scores s.csv --lambda 0.5|--lambda cannot be given with --scores",
        "--corpus x --queries y --scorer z|--scorer cannot be given with --corpus",
        "--scores s.csv --candidates a,b --candidates-file f|--candidates-file cannot be given",
        "--scores s.csv --candidates a,,b|--candidates: found a name that is empty",
        "--scores s.csv --candidates a,b,a|--candidates: found 'a' twice",
        "--scores s.csv --candidates a,b --top 3|--top must be 1 to 2",
        "--scores s.csv --candidates a,b --top 0|--top must be 1 to 2",
        "--scores s.csv --max-score NaN|--max-score must be 2^-8 to 2^20 nats, got NaN",
        "--scores s.csv --out-of-range drop|--out-of-range: found 'drop'",
        "--scores s.csv --runner spark|--runner: found 'spark'",
        "--scores s.csv --parallelism 99|--parallelism must be 1 to 16",
        "--corpus x --queries y --lambda 1|--lambda must be at least 0 and below 1",
        "--corpus x --queries y --passages-per-query 0|--passages-per-query must be 1 to 1000",
      })
  void aWrongOptionIsNamed(String options, String message) throws IOException {
    refused(score(options.split(" ")), 2, message);
    assertThat(files(), is(List.of()));
  }

  @Test
  void bitsAndNamesAreChecked() throws IOException {
    String[] args = {"score", "--round", directory + "/r", "--scores", "s.csv"};
    String[] more = Arrays.copyOf(args, args.length + 6);
    System.arraycopy(
        new String[] {"--candidates", "a,b,c,d,e", "--bits", "3", "--node", "n0"},
        0,
        more,
        args.length,
        6);
    refused(
        Cli.run(more),
        2,
        "--bits: budget of 3 bits names and scores not one of 5 candidates;"
            + " at least 4 are needed");
    more[args.length + 5] = "../n0";
    refused(Cli.run(more), 2, "--node: found '../n0', expected 1 to 64 of");
    refused(score("--scores", "DIR/none.csv"), 3, "none.csv: no such file");
    file("s.txt", SCORES);
    refused(score("--scores", "DIR/s.txt"), 3, "expected one that ends with .csv");
    file("s.csv", SCORES.replace("n0", "n2"));
    refused(score("--scores", "DIR/s.csv"), 3, "found no rows but of nodes 'n1', 'n2', expected");
    assertThat(files(), is(List.of()));
  }
}
