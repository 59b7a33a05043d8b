package dev.sluice.transforms.simulation;

import dev.sluice.transforms.distillation.ContextFeatures;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A text as numbers, cut into parts that have no word in common: in the order of the text
 *
 * <pre>
 *  8 %  base       public: its unigrams are the base that every model starts from
 *  8 %  probes     public: contexts are drawn from it; what follows them is not looked at
 * 68 %  shards     private, K of equal size: what each node counts
 *  8 %  questions  asked about after all rounds
 *  8 %  heldOut    what perplexity is over
 * </pre>
 *
 * <p>Each part is one run of words. It ends with a line, the first that ends at its share or later;
 * where that would be beyond the next part's share, it ends in mid-line. A context does not reach
 * back into the part before: parts begin as lines do.
 *
 * <p>Words are numbered by how often the whole text has them, the earlier first of equals, after
 * {@link #UNKNOWN} and {@link #END_OF_LINE}; those that are not among the V most frequent are
 * unknown. The vocabulary is public, as a tokenizer is.
 */
final class Corpus {
  /** The number of any word without one of its own; {@code <unk>} in a text is that too. */
  static final int UNKNOWN = 0;

  /** The number of the mark that ends a line. */
  static final int END_OF_LINE = 1;

  /** Marks of a line's end before the first word of a part. */
  static final int PAD = ContextFeatures.MAX_ORDER;

  /** Fewest words of a part. */
  static final int LEAST = 100;

  private static final double BASE = 0.08;
  private static final double PROBES = 0.16;
  private static final double SHARDS = 0.84;
  private static final double QUESTIONS = 0.92;

  private final List<WordText> texts;
  private final int vocabulary;
  private final List<int[]> parts;

  private Corpus(List<WordText> texts, int vocabulary, List<int[]> parts) {
    this.texts = texts;
    this.vocabulary = vocabulary;
    this.parts = parts;
  }

  /** Reads the texts of a simulation. */
  static Corpus read(SimulationSettings settings) throws IOException {
    List<WordText> texts = new ArrayList<>();
    for (String file : settings.texts()) {
      texts.add(WordText.read(file));
    }
    return of(texts, settings.vocabulary(), settings.nodes());
  }

  /**
   * Numbers and cuts texts, taken as one.
   *
   * @param most V, unless there are fewer words; at least 3
   * @param nodes K, at least 1
   * @throws BadInputException if a part would have fewer than {@value #LEAST} words
   */
  static Corpus of(List<WordText> texts, int most, int nodes) throws BadInputException {
    List<String> words = new ArrayList<>();
    texts.forEach(text -> words.addAll(text.words()));
    Map<String, Integer> numbers = numbers(words, most);
    int[] tokens = new int[words.size()];
    Arrays.setAll(tokens, i -> numbers.getOrDefault(words.get(i), UNKNOWN));
    List<int[]> parts = cut(tokens, nodes);
    for (int i = 0; i < parts.size(); i++) {
      if (parts.get(i).length - PAD < LEAST) {
        throw new BadInputException(
            String.join(", ", texts.stream().map(WordText::name).toList())
                + ": found "
                + tokens.length
                + " words, too few for "
                + nodes
                + " nodes: "
                + partName(i, nodes)
                + " would have "
                + (parts.get(i).length - PAD)
                + ", expected at least "
                + LEAST);
      }
    }
    return new Corpus(List.copyOf(texts), numbers.size(), parts);
  }

  private static String partName(int part, int nodes) {
    if (part >= 2 && part < 2 + nodes) {
      return "shard " + (part - 2);
    }
    return "the "
        + (part == 0
            ? "base"
            : part == 1 ? "probes'" : part == 2 + nodes ? "questions'" : "held-out")
        + " text";
  }

  private static Map<String, Integer> numbers(List<String> words, int most) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    words.forEach(word -> counts.merge(word, 1, Integer::sum));
    Map<String, Integer> numbers = new HashMap<>();
    numbers.put("<unk>", UNKNOWN);
    numbers.put(WordText.END_OF_LINE, END_OF_LINE);
    counts.entrySet().stream()
        .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder())) // stable: by appearance
        .map(Map.Entry::getKey)
        .filter(word -> !numbers.containsKey(word))
        .limit(most - 2L)
        .toList()
        .forEach(word -> numbers.put(word, numbers.size()));
    return numbers;
  }

  private static List<int[]> cut(int[] tokens, int nodes) {
    List<Double> shares = new ArrayList<>(List.of(BASE, PROBES));
    for (int node = 1; node <= nodes; node++) {
      shares.add(PROBES + (SHARDS - PROBES) * node / nodes);
    }
    shares.add(QUESTIONS);
    shares.add(1.0);
    List<int[]> parts = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < shares.size(); i++) {
      int share = (int) (shares.get(i) * tokens.length);
      int next = i + 1 < shares.size() ? (int) (shares.get(i + 1) * tokens.length) : tokens.length;
      int to = share;
      while (to < next && to > 0 && tokens[to - 1] != END_OF_LINE) {
        to++;
      }
      to = Math.max(from, to < next ? to : share);
      int[] part = new int[PAD + to - from];
      Arrays.fill(part, 0, PAD, END_OF_LINE);
      System.arraycopy(tokens, from, part, PAD, to - from);
      parts.add(part);
      from = to;
    }
    return parts;
  }

  /** As read. */
  List<WordText> texts() {
    return texts;
  }

  /** V. */
  int vocabulary() {
    return vocabulary;
  }

  /** K. */
  int nodes() {
    return parts.size() - 4;
  }

  /** Words of the public base, {@link #PAD} marks before them, as of every part. */
  int[] base() {
    return parts.get(0);
  }

  /** Words of which probes are contexts. */
  int[] probes() {
    return parts.get(1);
  }

  /** A node's private words. */
  int[] shard(int node) {
    return parts.get(2 + node);
  }

  /** Words that questions are about. */
  int[] questions() {
    return parts.get(parts.size() - 2);
  }

  /** Words that perplexity is over. */
  int[] heldOut() {
    return parts.get(parts.size() - 1);
  }
}
