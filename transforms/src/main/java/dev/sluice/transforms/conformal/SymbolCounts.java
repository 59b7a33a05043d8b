package dev.sluice.transforms.conformal;

import java.util.Arrays;

/**
 * How often each of up to 65536 symbols occurred: all that order statistics on a grid need of any
 * number of scores. Adding is exact and has one result for any order and grouping.
 *
 * <p>Memory: 12 bytes for each distinct symbol, and a buffer.
 */
public final class SymbolCounts {
  private static final int BUFFER = 4096;

  private int[] symbols = new int[0]; // ascending, distinct
  private long[] counts = new long[0];
  private int[] buffer = new int[16];
  private int buffered;

  /** Counts one symbol, at least 0. */
  public void add(int symbol) {
    if (symbol < 0) {
      throw new IllegalArgumentException("symbol must be at least 0, got " + symbol);
    }
    if (buffered == buffer.length) {
      if (buffered < BUFFER) {
        buffer = Arrays.copyOf(buffer, 4 * buffered);
      } else {
        settle();
      }
    }
    buffer[buffered++] = symbol;
  }

  /**
   * Counts that were taken before.
   *
   * @param symbols distinct and ascending, at least 0; taken over
   * @param counts of each, at least 1; taken over
   */
  public static SymbolCounts of(int[] symbols, long[] counts) {
    for (int i = 0; i < symbols.length; i++) {
      if (symbols[i] <= (i == 0 ? -1 : symbols[i - 1]) || counts[i] < 1) {
        throw new IllegalArgumentException(
            "symbols must ascend from 0 and counts be at least 1, got "
                + counts[i]
                + " of "
                + symbols[i]);
      }
    }
    SymbolCounts all = new SymbolCounts();
    all.symbols = symbols;
    all.counts = counts;
    return all;
  }

  /** Adds what another has counted. The other may settle its buffer, and is the same. */
  public void add(SymbolCounts other) {
    other.settle();
    merge(other.symbols, other.counts, other.symbols.length);
  }

  private void settle() {
    if (buffered == 0) {
      return;
    }
    int[] sorted = Arrays.copyOf(buffer, buffered);
    buffered = 0;
    Arrays.sort(sorted);
    long[] times = new long[sorted.length];
    int used = 0;
    for (int i = 0; i < sorted.length; i++) {
      if (used > 0 && sorted[used - 1] == sorted[i]) {
        times[used - 1]++;
      } else {
        sorted[used] = sorted[i];
        times[used++] = 1;
      }
    }
    merge(sorted, times, used);
  }

  private void merge(int[] other, long[] times, int length) {
    int[] all = new int[symbols.length + length];
    long[] sums = new long[all.length];
    int used = 0;
    int a = 0;
    int b = 0;
    while (a < symbols.length || b < length) {
      boolean mine = b == length || (a < symbols.length && symbols[a] <= other[b]);
      int symbol = mine ? symbols[a] : other[b];
      long count = mine ? counts[a++] : times[b++];
      if (used > 0 && all[used - 1] == symbol) {
        sums[used - 1] = Math.addExact(sums[used - 1], count);
      } else {
        all[used] = symbol;
        sums[used++] = count;
      }
    }
    symbols = Arrays.copyOf(all, used);
    counts = Arrays.copyOf(sums, used);
  }

  /** Number of distinct symbols. */
  public int size() {
    settle();
    return symbols.length;
  }

  /** The i-th smallest distinct symbol, i from 0. */
  public int symbol(int i) {
    settle();
    return symbols[i];
  }

  /** How often it occurred. */
  public long count(int i) {
    settle();
    return counts[i];
  }

  /** All occurrences. */
  public long total() {
    settle();
    long total = 0;
    for (long count : counts) {
      total += count;
    }
    return total;
  }

  /**
   * The symbols at ranks of the sorted occurrences.
   *
   * @param ranks from 1 to the total, ascending
   */
  public int[] atRanks(int[] ranks) {
    settle();
    int[] found = new int[ranks.length];
    int i = -1;
    long below = 0;
    for (int j = 0; j < ranks.length; j++) {
      while (below < ranks[j]) {
        if (++i == symbols.length) {
          throw new IllegalArgumentException("rank " + ranks[j] + " of " + below + " symbols");
        }
        below += counts[i];
      }
      found[j] = symbols[i];
    }
    return found;
  }

  @Override
  public boolean equals(Object other) {
    if (!(other instanceof SymbolCounts that)) {
      return false;
    }
    settle();
    that.settle();
    return Arrays.equals(symbols, that.symbols) && Arrays.equals(counts, that.counts);
  }

  @Override
  public int hashCode() {
    settle();
    return 31 * Arrays.hashCode(symbols) + Arrays.hashCode(counts);
  }
}
