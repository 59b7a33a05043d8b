package dev.sluice.pipelines.site;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PassageIndexTest {
  private static final List<String> PASSAGES =
      List.of(
          "p1,The rocket reached orbit around the moon",
          "p2,\"A rocket, a rocket and another rocket\"",
          "p4,Bread and butter",
          "p3,Bread and butter",
          "p5,The of and",
          "p6,Rockets to the moon");

  @TempDir Path directory;
  private int built;

  private PassageIndex index(List<String> passages) throws IOException {
    Path file = directory.resolve("passages.csv");
    Files.writeString(file, "passage,text\n" + String.join("\n", passages) + "\n");
    Path index = Files.createDirectory(directory.resolve("index" + built++));
    assertThat(PassageIndex.build(file.toString(), index), is((long) passages.size()));
    return PassageIndex.open(index);
  }

  private static List<String> names(PassageIndex index, int[] found) throws IOException {
    List<String> names = new ArrayList<>();
    for (int passage : found) {
      names.add(index.name(passage));
    }
    return names;
  }

  @Test
  void findsTheNearestFirstAndEqualOnesByName() throws IOException {
    try (PassageIndex index = index(PASSAGES)) {
      assertThat(names(index, index.top("q", "Who butters BREAD?", 5)), is(List.of("p3", "p4")));
      assertThat(names(index, index.top("q", "rockets", 2)), is(List.of("p2", "p6")));
      assertThat(names(index, index.top("q", "the", 2)), is(List.of()));
      assertThat(names(index, index.top("q", "elephant", 2)), is(List.of()));
    }
  }

  @Test
  void aQueryNeverFindsItsOwnRow() throws IOException {
    try (PassageIndex index = index(PASSAGES)) {
      assertThat(names(index, index.top("p6", "moon rockets", 9)), is(List.of("p1", "p2")));
      assertThat(names(index, index.top("q", " Rockets  to\tthe\nmoon ", 9)), not(hasItem("p6")));
      assertThat(names(index, index.top("q", "rockets to the moon", 9)), hasItem("p6"));
      assertThat(names(index, index.top("p3", "bread", 9)), is(List.of("p4")));
      assertThat(names(index, index.top("p3", "Bread and butter", 9)), is(List.of()));
    }
  }

  @Test
  void countsWords() throws IOException {
    try (PassageIndex index = index(PASSAGES)) {
      // rocket reach orbit around moon | rocket rocket anoth rocket | bread butter twice | rocket
      // moon
      assertThat(index.words(), is(15L));
      assertThat(index.vocabulary(), is(8L));
      assertThat(index.count("rocket"), is(5L));
      assertThat(index.count("elephant"), is(0L));
      int[] found = index.top("q", "rocket", 2);
      assertThat(index.words(found), is(6L));
      assertThat(index.count("rocket", found), is(4L));
      assertThat(index.count("moon", found), is(1L));
      assertThat(index.count("bread", found), is(0L));
      assertThat(index.count("elephant", found), is(0L));
      assertThat(index.words(new int[0]), is(0L));
    }
  }

  @Test
  void theOrderOfPassagesDoesNotMatter() throws IOException {
    List<String> rows = new ArrayList<>();
    Random random = new Random(7);
    for (int i = 0; i < 400; i++) {
      StringBuilder text = new StringBuilder();
      for (int j = 0; j < 3 + random.nextInt(9); j++) {
        text.append(" w").append(random.nextInt(12));
      }
      rows.add("p" + i + "," + text);
    }
    List<String> shuffled = new ArrayList<>(rows);
    Collections.shuffle(shuffled, random);
    try (PassageIndex one = index(rows);
        PassageIndex other = index(shuffled)) {
      for (int i = 0; i < 12; i++) {
        String text = "w" + i + " w" + (i * 5 + 1) % 12 + " w3 w3";
        assertThat(
            names(other, other.top("q", text, 20)), equalTo(names(one, one.top("q", text, 20))));
      }
    }
  }

  @Test
  void aQueryMayBeLongerThanLucenesMostClauses() throws IOException {
    StringBuilder text = new StringBuilder("rocket rocket");
    for (int i = 0; i < 3000; i++) {
      text.append(" word").append(i);
    }
    try (PassageIndex index = index(PASSAGES)) {
      assertThat(names(index, index.top("q", text.toString(), 1)), is(List.of("p2")));
    }
  }

  @Test
  void aNameThatTwoPassagesHaveIsRefusedWithBothLines() {
    assertThat(
        assertThrows(BadInputException.class, () -> index(List.of("b,x", "a,y", "a,z", "b,w")))
            .getMessage(),
        containsString("passages.csv: line 4: passage: found 'a', which line 3 has, expected"));
  }

  @Test
  void noPassagesAndNoWordsAreSaid() throws IOException {
    assertThat(
        assertThrows(BadInputException.class, () -> index(List.of())).getMessage(),
        containsString("passages.csv: found no rows, expected passages"));
    try (PassageIndex index = index(List.of("p1,the of"))) {
      assertThat(index.words(), is(0L));
      assertThat(index.vocabulary(), is(0L));
      assertThat(index.top("q", "anything", 3).length, is(0));
    }
  }

  @Test
  void candidatesAreScoredByWhatIsFound() throws IOException {
    index(PASSAGES).close();
    Path built = directory.resolve("index0");
    PassageScorer scorer = PassageScorer.of(built, List.of("Moon rockets", "bread", "the"), 2, 0.5);
    assertThat(scorer.name(), is("bm25-jelinek-mercer k=2 lambda=0.5"));
    assertThat(PassageScorer.name(3, 0.25), is("bm25-jelinek-mercer k=3 lambda=0.25"));
    try (QueryScorer.Session session = scorer.open()) {
      // p2 and p6: six words, of which four are rocket and one moon; the corpus has 15 of 8 kinds.
      double rocket = 0.5 * 4 / 6 + 0.5 * 6 / 24;
      double moon = 0.5 * 1 / 6 + 0.5 * 3 / 24;
      double bread = 0.5 * 3 / 24;
      double unseen = 0.5 * 1 / 24;
      double[] scores = session.score("q", "rocket");
      assertThat(scores[0], closeTo(-(Math.log(moon) + Math.log(rocket)) / 2, 1e-14));
      assertThat(scores[1], closeTo(-Math.log(bread), 1e-14));
      assertThat(scores[2], closeTo(-Math.log(unseen), 1e-14));
      double[] nothing = session.score("q", "elephant");
      assertThat(nothing[1], closeTo(-Math.log(3 / 24.0), 1e-14));
    }
  }

  private double[] scores(List<String> passages, List<String> found, String query, String text)
      throws IOException {
    try (PassageIndex index = index(passages)) {
      assertThat(names(index, index.top(query, text, 2)), is(found));
    }
    Path built = directory.resolve("index" + (this.built - 1));
    List<String> candidates = List.of("rocket", "elephant", "bread butter", "moon", "zebra");
    try (QueryScorer.Session session = PassageScorer.of(built, candidates, 2, 0.5).open()) {
      return session.score(query, text);
    }
  }

  private static void assertClose(double[] scores, double[] expected) {
    assertThat(scores.length, is(expected.length));
    for (int y = 0; y < scores.length; y++) {
      assertThat("candidate " + y, scores[y], closeTo(expected[y], 1e-12));
    }
  }

  @Test
  void aQuerysOwnRowsAreNotInItsLanguageModel() throws IOException {
    String text = "An elephant, a rocket and an elephant";
    List<String> found = List.of("p2", "p6");
    double[] expected = scores(PASSAGES, found, "q", text);
    List<List<String>> own =
        List.of(
            List.of("q,\"" + text + "\""), // by name and text, counted once
            List.of("q,Bread for the zebras of the moon"), // by name
            List.of("q,the of"), // by name, without words
            List.of("r,\"" + text + "\""), // by text, whatever its white space
            List.of("s,\"  " + text.replace(" ", "\n ") + "\"", "r,\"" + text + "\""),
            List.of("q,Zebra bread elephant", "r,\"" + text + "\"", "s,\" " + text + "\""),
            List.of("q,\"" + text + " \"", "r,\"" + text + "\"", "s,\" " + text + "\""));
    for (List<String> rows : own) {
      List<String> passages = new ArrayList<>(rows);
      passages.addAll(3 % rows.size(), PASSAGES);
      assertClose(scores(passages, found, "q", text), expected);
      // The same passages are in the model of another query.
      double[] other = scores(passages, List.of("p3", "p4"), "x", "butter");
      double[] without = scores(PASSAGES, List.of("p3", "p4"), "x", "butter");
      assertThat(Math.abs(other[4] - without[4]) > 1e-3, is(!rows.equals(List.of("q,the of"))));
    }
    assertClose(
        scores(List.of("q,rocket moon", "r,elephant"), List.of(), "q", "elephant"), new double[5]);
  }

  @Test
  void ownRowsAreKnownByNameOrText() throws IOException {
    try (PassageIndex index = index(PASSAGES)) {
      assertThat(index.hasOwn("p1", "anything"), is(true));
      assertThat(index.hasOwn("q", " Bread and\tbutter\n"), is(true));
      assertThat(index.hasOwn("q", "bread and butter"), is(false));
      assertThat(index.own("q", "bread and butter"), is(Map.of()));
      assertThat(index.own("q", "Bread and  butter"), is(Map.of("bread", 2L, "butter", 2L)));
      assertThat(index.own("p3", "Bread and butter"), is(Map.of("bread", 2L, "butter", 2L)));
      assertThat(
          index.own("p2", "Bread and butter"),
          is(Map.of("anoth", 1L, "bread", 2L, "butter", 2L, "rocket", 3L)));
      assertThat(index.own("p5", "the"), is(Map.of()));
    }
  }

  @Test
  void aCandidateNeedsAWord() {
    assertThat(
        assertThrows(
                BadInputException.class,
                () -> PassageScorer.of(directory, List.of("yes", "!?"), 2, 0.5))
            .getMessage(),
        containsString("candidate '!?': found no words in it, expected letters or digits"));
  }
}
