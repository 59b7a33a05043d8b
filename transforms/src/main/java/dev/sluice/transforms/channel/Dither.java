package dev.sluice.transforms.channel;

import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The dither that a node and the hub share: SplitMix64 read by counter, so that any row can be had
 * without those before it. FORMAT 3.1.
 *
 * <p>{@code word(j) = mix(key + (j+1)*gamma)}, {@code j = probe*ceil(V/2) + floor(v/2)}; even
 * coordinates take the low 32 bits of their word and odd ones the high. The offset is {@code (r +
 * 1/2)*2^-32} of a step, in (0, 1), uniform to 2^-32.
 *
 * <p>Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
 */
public final class Dither {
  /**
   * 2^64 divided by the golden ratio, made odd: the counter's stride on the cycle of 2^64 words.
   */
  public static final long GAMMA = 0x9E3779B97F4A7C15L;

  /** GAMMA * GAMMA_INVERSE = 1 mod 2^64, by Newton's iteration x = x*(2 - gamma*x). */
  static final long GAMMA_INVERSE = 0xF1DE83E19937733DL;

  private Dither() {}

  /** SplitMix64's finaliser, a bijection of the 64-bit words. */
  public static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /** A word of a key's stream: that of count 1 is the first of {@link #fill}. */
  public static long word(long key, long count) {
    return mix(key + count * GAMMA);
  }

  /**
   * What {@link #mix} takes for the first word of a probe; word i of the probe takes this plus
   * i*GAMMA.
   */
  public static long row(long key, int vocabulary, long probe) {
    long words = (vocabulary + 1L) >>> 1;
    return key + (probe * words + 1) * GAMMA;
  }

  /** r of one coordinate, as an unsigned 32-bit number. */
  public static long numerator(long row, int v) {
    return (mix(row + (v >>> 1) * GAMMA) >>> ((v & 1) << 5)) & 0xffffffffL;
  }

  /**
   * (r + 1/2)*2^-32, exact, without a conversion from integer (slow on some JVMs): 2r + 1 put below
   * 2^52.
   */
  public static double offset(long r) {
    return (Double.longBitsToDouble(0x4330000000000001L | (r << 1)) - 0x1p52) * 0x1p-33;
  }

  /**
   * Writes {@code r(probe, v)} for {@code v} in {@code [from, to)} to {@code r[at ..]}, 32 bits
   * each, to be read as unsigned.
   *
   * @param key {@link ChannelKey#dither()}
   * @param vocabulary V, at least 1
   * @param probe counted from 0 in the whole round
   * @throws IndexOutOfBoundsException unless {@code 0 <= from <= to <= V} and r has room
   */
  public static void fill(long key, int vocabulary, long probe, int from, int to, int[] r, int at) {
    java.util.Objects.checkFromToIndex(from, to, vocabulary);
    java.util.Objects.checkFromIndexSize(at, to - from, r.length);
    long z = row(key, vocabulary, probe) + (from >>> 1) * GAMMA;
    int v = from;
    int i = at;
    if ((v & 1) != 0 && v < to) {
      r[i++] = (int) (mix(z) >>> 32);
      z += GAMMA;
      v++;
    }
    for (; v + 1 < to; v += 2, i += 2) {
      long word = mix(z);
      z += GAMMA;
      r[i] = (int) word;
      r[i + 1] = (int) (word >>> 32);
    }
    if (v < to) {
      r[i] = (int) mix(z);
    }
  }

  /** Two nodes, by index, first below second. */
  public record SharedPair(int first, int second) {}

  /**
   * Two nodes that would share a word of dither, if there are any: all walk one cycle of 2^64
   * words, from places {@code key/gamma}, and streams of {@code words} words overlap when two
   * places are fewer than {@code words} steps apart either way round. Exact; O(K log K).
   *
   * @param keys {@link ChannelKey#dither()} of each node
   * @param words length of every stream, at least 0; the probes of the round times ceil(V/2)
   * @return of the overlapping neighbours on the cycle, the pair with the lowest indices
   */
  public static Optional<SharedPair> firstSharedPair(long[] keys, long words) {
    if (words < 0) {
      throw new IllegalArgumentException("words must be at least 0, got " + words);
    }
    int nodes = keys.length;
    int[] order =
        IntStream.range(0, nodes)
            .boxed()
            .sorted(
                (a, b) -> Long.compareUnsigned(keys[a] * GAMMA_INVERSE, keys[b] * GAMMA_INVERSE))
            .mapToInt(Integer::intValue)
            .toArray();
    SharedPair lowest = null;
    for (int i = 0; i < nodes && nodes > 1; i++) {
      int a = order[i];
      int b = order[(i + 1) % nodes];
      long steps = (keys[b] - keys[a]) * GAMMA_INVERSE;
      if (Long.compareUnsigned(steps, words) < 0) {
        SharedPair pair = new SharedPair(Math.min(a, b), Math.max(a, b));
        if (lowest == null
            || pair.first < lowest.first
            || (pair.first == lowest.first && pair.second < lowest.second)) {
          lowest = pair;
        }
      }
    }
    return Optional.ofNullable(lowest);
  }
}
