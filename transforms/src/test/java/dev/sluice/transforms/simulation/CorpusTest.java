package dev.sluice.transforms.simulation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CorpusTest {
  @TempDir Path directory;

  private WordText read(byte[] bytes) throws IOException {
    Path file = Files.write(directory.resolve("a.txt"), bytes);
    return WordText.read(file.toString());
  }

  private WordText read(String text) throws IOException {
    return read(text.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void wordsStandBetweenWhiteSpaceAndALinesEndIsOne() throws Exception {
    WordText text = read("\ufeff = Crème = \n \n\n<unk> and\tI .\r\nlast");
    assertThat(
        text.words(),
        is(
            List.of(
                "=", "Crème", "=", "<eos>", "<unk>", "and", "I", ".", "<eos>", "last", "<eos>")));
    assertThat(text.name(), is("a.txt"));
    assertThat(
        read("abc").sha256(),
        is("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  }

  @Test
  void whatIsNoTextIsRefused() {
    assertThat(
        assertThrows(BadInputException.class, () -> read(new byte[] {'a', '\n', 'b', (byte) 0xff}))
            .getMessage(),
        allOf(containsString("a.txt: line 2"), containsString("0xff"), containsString("UTF-8")));
    assertThat(
        assertThrows(BadInputException.class, () -> read(new byte[] {'a', (byte) 0xc3}))
            .getMessage(),
        containsString("0xc3"));
    assertThat(
        assertThrows(BadInputException.class, () -> read(" \n\n")).getMessage(),
        containsString("no words"));
  }

  @Test
  void numbersGoByFrequencyThenByAppearance() throws Exception {
    String text = "d c c b b a a a <unk> z\n";
    Corpus corpus = Corpus.of(List.of(read(text.repeat(200))), 5, 1);
    assertThat(corpus.vocabulary(), is(5));
    assertThat(
        Arrays.copyOfRange(corpus.base(), Corpus.PAD, Corpus.PAD + 11),
        is(new int[] {0, 3, 3, 4, 4, 2, 2, 2, 0, 0, 1}));
    assertThat(Corpus.of(List.of(read(text.repeat(200))), 99, 1).vocabulary(), is(7));
  }

  @Test
  void partsAreTheWholeTextOnceAndInOrder() throws Exception {
    for (int nodes : new int[] {1, 3, 8}) {
      WordText text = read(MadeUpText.of(2000, 50, 1));
      WordText other = read(MadeUpText.of(500, 50, 2));
      Corpus corpus = Corpus.of(List.of(text, other), 1000, nodes);
      List<int[]> parts = new ArrayList<>(List.of(corpus.base(), corpus.probes()));
      for (int node = 0; node < nodes; node++) {
        parts.add(corpus.shard(node));
      }
      parts.add(corpus.questions());
      parts.add(corpus.heldOut());
      assertThat(corpus.nodes(), is(nodes));
      int words = text.words().size() + other.words().size();
      int sum = 0;
      for (int[] part : parts) {
        assertThat(Arrays.copyOf(part, Corpus.PAD), is(new int[] {1, 1, 1}));
        assertThat(part[part.length - 1], is(Corpus.END_OF_LINE));
        sum += part.length - Corpus.PAD;
      }
      assertThat(sum, is(words));
      int[] all = new int[sum];
      int at = 0;
      for (int[] part : parts) {
        System.arraycopy(part, Corpus.PAD, all, at, part.length - Corpus.PAD);
        at += part.length - Corpus.PAD;
      }
      // The same words in the same places have the same numbers.
      int[] whole = new int[sum];
      List<String> words1 = new ArrayList<>(text.words());
      words1.addAll(other.words());
      java.util.Map<String, Integer> number = new java.util.HashMap<>();
      for (int i = 0; i < sum; i++) {
        number.putIfAbsent(words1.get(i), all[i]);
        whole[i] = number.get(words1.get(i));
      }
      assertThat(all, is(whole));
      for (int node = 0; node < nodes; node++) {
        double share = (corpus.shard(node).length - Corpus.PAD) / (0.68 * words / nodes);
        assertThat(share, greaterThanOrEqualTo(0.9));
        assertThat(share, lessThan(1.1));
      }
    }
  }

  @Test
  void aTextOfOneLineIsCutInside() throws Exception {
    Corpus corpus = Corpus.of(List.of(read("a b c d e f g ".repeat(300))), 100, 2);
    assertThat(corpus.base().length - Corpus.PAD, is(168));
    assertThat(corpus.shard(1)[Corpus.PAD], is(corpus.shard(0)[Corpus.PAD]));
  }

  @Test
  void tooLittleTextIsRefused() throws Exception {
    WordText text = read("a b c\n".repeat(300));
    assertThat(
        assertThrows(BadInputException.class, () -> Corpus.of(List.of(text), 100, 4)).getMessage(),
        allOf(containsString("a.txt: found 1200 words"), containsString("at least 100")));
  }
}
