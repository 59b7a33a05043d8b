package dev.sluice.transforms.simulation;

import java.util.Arrays;
import java.util.List;

/**
 * A site's language model: a shared base, fine-tuned by what the site has counted.
 *
 * <pre>
 * P(w|u,v) = max(c(uvw) - D3, 0)/c(uv) + D3*n(uv)/c(uv) * P2(w),   P2(w) where c(uv) = 0
 * P2(w)    = max(c(vw) - D2, 0)/c(v)   + D2*n(v)/c(v)   * B(w),    B(w) where c(v) = 0
 * </pre>
 *
 * with c counts of the site, n(h) how many different words follow h, and B the base's prediction
 * after the same context. So P = (1 - lambda)*B + lambda*P_site, lambda larger the more the site
 * has seen of the context. Absolute discounting, D = n1/(n1 + 2*n2) of the n-grams counted once and
 * twice, kept within [0.1, 0.9]. Ney, Essen and Kneser, Computer Speech and Language 8, 1994.
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
  private final Counts pairs;
  private final Counts triples;

  private NgramModel(int vocabulary, Counts pairs, Counts triples) {
    this.vocabulary = vocabulary;
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
    long[] pairs = new long[words];
    long[] triples = new long[words];
    int used = 0;
    for (int[] part : parts) {
      for (int i = Corpus.PAD; i < part.length; i++) {
        pairs[used] = (long) part[i - 1] * vocabulary + part[i];
        triples[used] = ((long) part[i - 2] * vocabulary + part[i - 1]) * vocabulary + part[i];
        used++;
      }
    }
    return new NgramModel(vocabulary, new Counts(pairs), new Counts(triples));
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

  /**
   * log P(·|u, v).
   *
   * @param u the word before the last
   * @param v the last word
   * @param logBase log B, V nats
   * @param base B
   * @param logits receives V nats
   */
  void predict(int u, int v, double[] logBase, double[] base, double[] logits) {
    History two = History.of(pairs, v, vocabulary);
    History three = History.of(triples, (long) u * vocabulary + v, vocabulary);
    double unseen = StrictMath.log(two.left * three.left);
    for (int w = 0; w < vocabulary; w++) {
      logits[w] = logBase[w] + unseen;
    }
    long of = (long) v * vocabulary;
    int at = three.from;
    for (int i = two.from; i < two.to; i++) {
      int w = (int) (pairs.grams[i] - of);
      double p = three.left * (two.share(i) + two.left * base[w]);
      // Every word that follows u, v follows v: both ascend.
      if (at < three.to && triples.grams[at] % vocabulary == w) {
        p += three.share(at++);
      }
      logits[w] = StrictMath.log(p);
    }
  }

  /**
   * P(w|u, v).
   *
   * @param base B(w)
   */
  double probability(int u, int v, int w, double base) {
    History two = History.of(pairs, v, vocabulary);
    History three = History.of(triples, (long) u * vocabulary + v, vocabulary);
    return share(three, w) + three.left * (share(two, w) + two.left * base);
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
