package dev.sluice.transforms.allocation;

import java.io.Serializable;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;

/**
 * What a warm-up round says about one node, as it grows: its {@link SecondMoments}, its clip levels
 * and what blocks they were taken from. Like those it is a function of the probes and parts added,
 * whatever their order and grouping.
 *
 * <p>Mutable; one thread at a time. Serialisable between workers of one version.
 */
final class WarmUpSums implements Serializable {
  private static final long serialVersionUID = 1L;

  /** The node's blocks of one shard, as one round has them. */
  private record Part(String round, int shard) implements Comparable<Part>, Serializable {
    @Override
    public int compareTo(Part other) {
      int byRound = round.compareTo(other.round);
      return byRound != 0 ? byRound : Integer.compare(shard, other.shard);
    }
  }

  private final SecondMoments moments = new SecondMoments();
  private final ExactSum squaredClips = new ExactSum();
  private final TreeMap<Part, String> digests = new TreeMap<>();
  private double maxClip;
  private double maxStep;
  private int planes;

  /**
   * Adds one probe.
   *
   * @param y reconstructions, logits; only read
   * @param from first coordinate
   * @param to after the last
   * @param ditherVariance mean over these coordinates, logits²; 0 without dither
   * @param clip L of this probe, logits, in [2^-24, 2^19]
   * @param clipped coordinates that the node clipped; a block's count goes with one of its probes
   * @param masked as {@code clipped}
   * @throws IllegalArgumentException as {@link SecondMoments#add}, or for such a clip; nothing is
   *     then added
   */
  void addProbe(
      double[] y, int from, int to, double ditherVariance, double clip, long clipped, long masked) {
    if (!(clip >= 0x1p-24 && clip <= 0x1p19)) {
      throw new IllegalArgumentException("clip must be in [2^-24, 2^19] logits, got " + clip);
    }
    moments.add(y, from, to, ditherVariance, clipped, masked);
    squaredClips.addSquare(clip);
    maxClip = Math.max(maxClip, clip);
  }

  /**
   * Says how probes were sent.
   *
   * @param planes digit planes, at least 1
   * @param step widest quantiser step of plane 0, logits
   */
  void note(int planes, double step) {
    this.planes = Math.max(this.planes, planes);
    maxStep = Math.max(maxStep, step);
  }

  /**
   * Says what the probes of one shard were taken from.
   *
   * @param round id of the round that sent it
   * @param digest hexadecimal
   * @throws IllegalArgumentException if that shard has one
   */
  void addDigest(String round, int shard, String digest) {
    if (digests.putIfAbsent(new Part(round, shard), digest) != null) {
      throw new IllegalArgumentException(
          "shard " + shard + " of round '" + round + "' has been added");
    }
  }

  /**
   * Adds another's probes and parts, which are others than this one's; it is not changed.
   *
   * @throws IllegalArgumentException if they are not; then these sums are good for nothing
   */
  void merge(WarmUpSums other) {
    moments.merge(other.moments);
    squaredClips.add(other.squaredClips);
    other.digests.forEach((part, digest) -> addDigest(part.round(), part.shard(), digest));
    maxClip = Math.max(maxClip, other.maxClip);
    note(other.planes, other.maxStep);
  }

  /** Digests of one round's blocks, in the order of shards. */
  List<String> digests(String round) {
    return new ArrayList<>(
        digests
            .subMap(
                new Part(round, Integer.MIN_VALUE), true, new Part(round, Integer.MAX_VALUE), true)
            .values());
  }

  /** Probes added. */
  long probes() {
    return moments.probes();
  }

  /**
   * The moments of the probes added so far.
   *
   * @throws IllegalStateException if there are none
   */
  SecondMoments.Moments moments() {
    return moments.result();
  }

  /** Largest clip level, logits. */
  double maxClip() {
    return maxClip;
  }

  /**
   * Mean over probes of the squared clip level, logits².
   *
   * @throws IllegalStateException if there are none
   */
  double meanSquareClip() {
    if (probes() == 0) {
      throw new IllegalStateException("no probe has been added");
    }
    return ExactSum.quotient(squaredClips.units(), 1, BigInteger.valueOf(probes()));
  }

  /** Widest step of plane 0, logits. */
  double maxStep() {
    return maxStep;
  }

  /** Most digit planes of a block. */
  int planes() {
    return planes;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof WarmUpSums that
        && moments.equals(that.moments)
        && squaredClips.equals(that.squaredClips)
        && digests.equals(that.digests)
        && Double.doubleToLongBits(maxClip) == Double.doubleToLongBits(that.maxClip)
        && Double.doubleToLongBits(maxStep) == Double.doubleToLongBits(that.maxStep)
        && planes == that.planes;
  }

  @Override
  public int hashCode() {
    return Objects.hash(moments, squaredClips, digests, planes);
  }
}
