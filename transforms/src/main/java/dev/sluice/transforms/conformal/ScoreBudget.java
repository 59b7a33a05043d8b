package dev.sluice.transforms.conformal;

import dev.sluice.transforms.channel.RadixCode;

/**
 * What B bits buy a node for one query: which k' of Y candidates it scores, and the scores'
 * radices. Both ends derive it from (B, Y, candidates wanted). THEORY 7.2.
 *
 * <pre>
 * bits = identities + scores <= B
 * identities = ceil(log2 C(Y, k')), 0 where k' = Y
 * scores     = exact length of k' symbols, the first n1 of radix N+1 and the others of N
 * </pre>
 *
 * <p>k' is the largest number up to those wanted whose identities leave a bit for each score.
 * (Identities are dearest at Y/2: all Y may be affordable where Y-1 are not.) N is the largest
 * radix that fits, at most 65536, and n1 the most finer symbols, by the search of FORMAT 3.4.
 *
 * <p>Immutable.
 */
public final class ScoreBudget {
  /** The longest candidate list: a query's stretch of dither has this many numbers. */
  public static final int MAX_LIST = 4096;

  private static final int MAX_SYMBOLS = 1 << 16;

  private final int bits;
  private final int listSize;
  private final int sent;
  private final int identityBits;
  private final int symbols;
  private final int finer;
  private final RadixCode code;

  private ScoreBudget(int bits, int listSize, int sent, int identityBits, int symbols, int finer) {
    this.bits = bits;
    this.listSize = listSize;
    this.sent = sent;
    this.identityBits = identityBits;
    this.symbols = symbols;
    this.finer = finer;
    this.code = RadixCode.of(symbols, finer, sent);
  }

  /**
   * The use of a budget.
   *
   * @param bits B, for one query of one node, at least 1
   * @param listSize Y, in [1, 4096]
   * @param wanted candidates to score if the bits allow, in [1, Y]
   * @throws IllegalArgumentException outside these ranges, or if not even one candidate is paid
   */
  public static ScoreBudget of(int bits, int listSize, int wanted) {
    if (listSize < 1 || listSize > MAX_LIST) {
      throw new IllegalArgumentException(
          "a candidate list must have 1 to " + MAX_LIST + " candidates, got " + listSize);
    }
    if (wanted < 1 || wanted > listSize) {
      throw new IllegalArgumentException(
          "candidates wanted must be in [1, " + listSize + "], got " + wanted);
    }
    for (int sent = wanted; sent >= 1; sent--) {
      // C(Y, k) is at least 2^min(k, Y-k), which spares most of the binomials.
      if (bits < sent + Math.min(sent, listSize - sent)) {
        continue;
      }
      int identityBits = SubsetCode.bits(listSize, sent);
      int left = bits - identityBits;
      if (left >= sent) {
        int radix = largestRadix(sent, left);
        return new ScoreBudget(
            bits, listSize, sent, identityBits, radix, mostFiner(radix, sent, left));
      }
    }
    throw new IllegalArgumentException(
        "budget of "
            + bits
            + " bits names and scores not one of "
            + listSize
            + " candidates; at least "
            + (SubsetCode.bits(listSize, 1) + 1)
            + " are needed");
  }

  private static int largestRadix(int count, int budget) {
    // As FORMAT 3.4: a code is no shorter than its entropy, so one more than 2^(budget/count) is
    // too many.
    double top = StrictMath.pow(2, Math.min(16, (double) budget / count));
    int radix = (int) Math.min(MAX_SYMBOLS, Math.floor(top) + 1);
    while (RadixCode.bits(radix, 0, count) > budget) {
      radix--;
    }
    return radix;
  }

  private static int mostFiner(int radix, int count, int budget) {
    if (radix == MAX_SYMBOLS) {
      return 0;
    }
    int low = 0;
    int high = count;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (RadixCode.bits(radix, middle, count) <= budget) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** B. */
  public int bits() {
    return bits;
  }

  /** Y. */
  public int listSize() {
    return listSize;
  }

  /** k', the candidates that are named and scored, in [1, Y]. */
  public int sent() {
    return sent;
  }

  /** Bits that name the candidates. */
  public int identityBits() {
    return identityBits;
  }

  /** Bits of the scores. */
  public int scoreBits() {
    return (int) code.bits();
  }

  /** Bits of a packet, at most B. */
  public int packetBits() {
    return identityBits + scoreBits();
  }

  /** Bytes of a packet, the last one's spare bits being 0. */
  public int packetBytes() {
    return (packetBits() + 7) >>> 3;
  }

  /** N, the radix of all scores but {@link #finer()} of them. */
  public int symbols() {
    return symbols;
  }

  /** n1, how many scores of a query have N+1 symbols. */
  public int finer() {
    return finer;
  }

  /** The widest step as a share of the score range, 1/(N-1). */
  public double widestStep() {
    return 1.0 / (symbols - 1);
  }

  /** The mean over a query's scores of the squared step, as a share of the squared range. */
  public double meanSquareStep() {
    double coarse = 1.0 / (symbols - 1);
    double fine = 1.0 / symbols;
    return (finer * fine * fine + (sent - finer) * coarse * coarse) / sent;
  }

  RadixCode code() {
    return code;
  }

  @Override
  public String toString() {
    return "ScoreBudget["
        + bits
        + " bits: "
        + sent
        + " of "
        + listSize
        + " candidates in "
        + identityBits
        + " bits, "
        + finer
        + " scores of radix "
        + (symbols + 1)
        + " and "
        + (sent - finer)
        + " of "
        + symbols
        + "]";
  }
}
