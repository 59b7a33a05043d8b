package dev.sluice.transforms.simulation;

import java.util.Arrays;
import java.util.List;

/**
 * A site's language model: a shared base, fine-tuned by what the site has counted.
 *
 * <pre>
 * P(w|x)   = (1 - lambda(v))*B(w|x) + lambda(v)*P3(w|u,v),   lambda(v) = c(v)/(c(v) + n(v))
 * P3(w|uv) = (c(uvw) - D3)/c(uv) + D3*n(uv)/c(uv) * P2(w|v)
 * P2(w|v)  = (c(vw)  - D2)/c(v)  + D2*n(v)/c(v)   * P1(w)
 * P1(w)    = (c(w) + 1)/(c + V)
 * </pre>
 *
 * with c counts of the site, n(h) how many different words follow h there, first terms only where
 * the n-gram was counted, P2 for P3 where uv was not, and B the base's prediction after the context
 * x, which ends in u, v. The base counts for less the more the site has seen of the context (Witten
 * and Bell, IEEE Trans. IT 37, 1991), and is all there is where it has seen nothing. Discounts are
 * n1/(n1 + 2*n2) of the n-grams counted once and twice, kept within [0.1, 0.9] (Ney, Essen and
 * Kneser, Computer Speech and Language 8, 1994).
 *
 * <p>StrictMath and sums in a fixed order. Immutable.
 */
final class NgramModel {
  private static final double LEAST_DISCOUNT = 0.1;
  private static final double MOST_DISCOUNT = 0.9;

  /** n-grams in ascending order, each once, as numbers in base V with the last word lowest. */
  private static final class Counts {
    private final long[] grams;
    private final int[] counts;
    private final double discount;

    Counts(long[] unsorted) {
      Arrays.sort(unsorted);
      long[] once = new long[unsorted.length];
      int[] often = new int[unsorted.length];
      int used = 0;
      for (int i = 0; i < unsorted.length; i++) {
        if (i == 0 || unsorted[i] != unsorted[i - 1]) {
          once[used++] = unsorted[i];
        }
        often[used - 1]++;
      }
      grams = Arrays.copyOf(once, used);
      counts = Arrays.copyOf(often, used);
      double singles = Arrays.stream(counts).filter(c -> c == 1).count();
      double pairs = Arrays.stream(counts).filter(c -> c == 2).count();
      discount =
          Math.min(
              MOST_DISCOUNT, Math.max(LEAST_DISCOUNT, singles / Math.max(1, singles + 2 * pairs)));
    }

    /** Index of the first n-gram that is at least this. */
    int first(long gram) {
      int at = Arrays.binarySearch(grams, gram);
      return at < 0 ? -1 - at : at;
    }
  }

  private final int vocabulary;
  private final double[] singles;
  private final Counts pairs;
  private final Counts triples;

  private NgramModel(int vocabulary, double[] singles, Counts pairs, Counts triples) {
    this.vocabulary = vocabulary;
    this.singles = singles;
    this.pairs = pairs;
    this.triples = triples;
  }

  /**
   * Counts parts of a text.
   *
   * @param vocabulary V, at most 2^20
   * @param parts each with {@link Corpus#PAD} words before its first
   */
  static NgramModel of(int vocabulary, List<int[]> parts) {
    int words = parts.stream().mapToInt(part -> part.length - Corpus.PAD).sum();
    double[] singles = new double[vocabulary];
    long[] pairs = new long[words];
    long[] triples = new long[words];
    int used = 0;
    for (int[] part : parts) {
      for (int i = Corpus.PAD; i < part.length; i++) {
        pairs[used] = (long) part[i - 1] * vocabulary + part[i];
        triples[used] = ((long) part[i - 2] * vocabulary + part[i - 1]) * vocabulary + part[i];
        singles[part[i]]++;
        used++;
      }
    }
    for (int w = 0; w < vocabulary; w++) {
      singles[w] = (singles[w] + 1) / (words + (double) vocabulary);
    }
    return new NgramModel(vocabulary, singles, new Counts(pairs), new Counts(triples));
  }

  /** The words that follow one history: grams from .. to - 1. */
  private record History(Counts counts, int from, int to, double total, double left) {
    static History of(Counts counts, long history, int vocabulary) {
      int from = counts.first(history * vocabulary);
      int to = counts.first((history + 1) * vocabulary);
      long total = 0;
      for (int i = from; i < to; i++) {
        total += counts.counts[i];
      }
      return new History(
          counts, from, to, total, total == 0 ? 1 : counts.discount * (to - from) / total);
    }

    /** What the word has of the counted mass. */
    double share(int at) {
      return (counts.counts[at] - counts.discount) / total;
    }
  }

  /** What the site's own counts weigh after a word. */
  private static double weight(History two) {
    return two.total / Math.max(1, two.total + (two.to - two.from));
  }

  /**
   * log P(·|x).
   *
   * @param u the word before the last
   * @param v the last word
   * @param base B(·|x), V probabilities
   * @param logits receives V nats
   */
  void predict(int u, int v, double[] base, double[] logits) {
    History two = History.of(pairs, v, vocabulary);
    History three = History.of(triples, (long) u * vocabulary + v, vocabulary);
    double own = weight(two);
    double unseen = own * three.left * two.left;
    for (int w = 0; w < vocabulary; w++) {
      logits[w] = (1 - own) * base[w] + unseen * singles[w];
    }
    for (int i = two.from; i < two.to; i++) {
      logits[(int) (pairs.grams[i] % vocabulary)] += own * three.left * two.share(i);
    }
    for (int i = three.from; i < three.to; i++) {
      logits[(int) (triples.grams[i] % vocabulary)] += own * three.share(i);
    }
    for (int w = 0; w < vocabulary; w++) {
      logits[w] = StrictMath.log(logits[w]);
    }
  }

  /**
   * P(w|x).
   *
   * @param base B(w|x)
   */
  double probability(int u, int v, int w, double base) {
    History two = History.of(pairs, v, vocabulary);
    History three = History.of(triples, (long) u * vocabulary + v, vocabulary);
    double own = weight(two);
    double lower = share(two, w) + two.left * singles[w];
    return (1 - own) * base + own * (share(three, w) + three.left * lower);
  }

  private double share(History history, int w) {
    for (int i = history.from; i < history.to; i++) {
      if (history.counts.grams[i] % vocabulary == w) {
        return history.share(i);
      }
    }
    return 0;
  }
}
