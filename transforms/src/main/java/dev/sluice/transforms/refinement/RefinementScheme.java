package dev.sluice.transforms.refinement;

import dev.sluice.transforms.channel.ChannelKey;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/**
 * How K nodes tell the hub the mean of their logits over T rounds of the same budget. THEORY 4.2.
 *
 * <p>Notation: x_i a node's logits, within [-L, L] and frozen during the rounds; x̄ their mean; ȳ_t
 * what the hub holds after round t; N symbols per coordinate and round; Q_R the dithered channel
 * over [-R, R], step Δ = 2R/(N-1), whose error is uniform on ±Δ/2 whatever its argument, as long as
 * that is in range; v = L²/(3K(N-1)²), the variance after the first round, the same for all. T
 * rounds of log2 N bits could at best do as well as one of T·log2 N: N^-2 per round.
 */
public enum RefinementScheme {
  /**
   * R0: quantise x_i anew at full range every round, keep the last. ȳ_t = K⁻¹ΣQ_L(x_i); variance v
   * for every t. Unbiased. A node keeps x_i, the hub nothing. The bits of all rounds but the last
   * are wasted.
   */
  VANILLA("vanilla"),
  /**
   * R0, the mean of all rounds: ȳ_t = ȳ_{t-1} + (K⁻¹ΣQ_L(x_i) − ȳ_{t-1})/t with fresh dither each
   * round; variance v/t. Unbiased. A node keeps x_i, the hub a running sum. Pays for 1/t what
   * refinement has for N^-2(t-1).
   */
  VANILLA_AVERAGED("vanilla-averaged"),
  /**
   * R1, as published: the residual against the hub's mean, which is broadcast. ȳ_t = ȳ_{t-1} +
   * K⁻¹ΣQ_R(x_i − ȳ_{t-1}), R_1 = L, R_t = Δ_{t-1}/2, what is out of range clipped to ±R.
   *
   * <p>For identical nodes every residual is the hub's own error and in range; variance
   * v·(N-1)^-2(t-1). For others x_i − x̄ does not shrink and R does: the clipped deviations no
   * longer cancel, and with a majority of n₊ nodes above and n₋ below the mean moves by R(n₊−n₋)/K
   * a round away from the truth (R/3 for deviations a, a, −2a). All later ranges together are O(R),
   * so nothing undoes it: <b>biased, and the error may grow with t</b>. A node keeps x_i and
   * receives ȳ_{t-1}, V numbers per probe and round; the hub keeps ȳ_{t-1}.
   */
  BROADCAST_RESIDUAL("broadcast-residual"),
  /**
   * R1 with a range that never clips: R_1 = L, R_t = S + max(S, Δ_{t-1}/2), S = max over nodes and
   * coordinates of |x_i − x̄|. In range because |x_i − ȳ_{t-1}| ≤ S + Δ_{t-1}/2, which is the least
   * range that is; the S more, which THEORY's figures have, makes R_t = 2S as soon as Δ_{t-1}/2 is
   * below S.
   *
   * <p>Variance R_t²/(3K(N-1)²): as {@link #BROADCAST_RESIDUAL} for identical nodes, for others no
   * better than 4S²/(3K(N-1)²) however large t, and worse than v where 2S exceeds L. At N = 2 a
   * step is twice the range and R grows by S every round. (With the least range there is a floor
   * too, at R = S(N-1)/(N-2).) Unbiased. State as there; S no single party knows, and the kernel
   * gives it away.
   */
  BROADCAST_RESIDUAL_SAFE("broadcast-residual-safe"),
  /**
   * R2: the residual against the node's own reconstruction, fresh dither each round. y_{i,t} =
   * y_{i,t-1} + Q_R(x_i − y_{i,t-1}), R_1 = L, R_t = Δ_{t-1}/2, ȳ_t = K⁻¹Σy_{i,t}. A residual is
   * the error of the round before, so it is in range for all nodes and dithers.
   *
   * <p>Variance v·(N-1)^-2(t-1), whatever the nodes. Unbiased. A node keeps x_i − y_{i,t-1}, the
   * hub a running sum; no broadcast. The symbol lost to the dither is lost again every round: at N
   * = 2 there is no progress at all.
   */
  OWN_RESIDUAL("own-residual"),
  /**
   * R3: dither once, then send digits. z_i = (x_i+L)/Δ_1 + o_i, o_i the offset of round 1; round t
   * sends the t-th digit to base N of z_i, and ȳ_t = K⁻¹Σ((a_{i,t} + N^-(t-1)/2 − o_i)·Δ_1 − L),
   * a_{i,t} the digits so far. The arithmetic is {@link
   * dev.sluice.transforms.channel.NestedDigits}'.
   *
   * <p>Each node's error is uniform on ±Δ_1·N^-(t-1)/2 for every t and independent of x_i; variance
   * v·N^-2(t-1), whatever the nodes. Unbiased. A node keeps what is left of z_i, the hub the sum of
   * a_{i,t}; no broadcast. Only round 1 pays a symbol to the dither, and N = 2 makes progress.
   * Dither has 32 bits: from N^(t-1) = 2^32 on the error stays within its bounds, but has no more
   * randomness to be uniform by.
   */
  NESTED_DIGITS("nested-digits");

  private final String label;

  RefinementScheme(String label) {
    this.label = label;
  }

  /** Its name. */
  public String label() {
    return label;
  }

  /**
   * The scheme with this label.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static RefinementScheme of(String label) {
    for (RefinementScheme scheme : values()) {
      if (scheme.label.equals(label)) {
        return scheme;
      }
    }
    throw new IllegalArgumentException(
        "refinement scheme must be one of "
            + Arrays.stream(values()).map(RefinementScheme::label).collect(Collectors.joining(", "))
            + "; got '"
            + label
            + "'");
  }

  /**
   * Keys of T rounds with fresh dither: round t of a node is {@code ChannelKey.of(seed, "t" + t,
   * node)}, t from 1.
   *
   * @return [T][K]
   */
  public static ChannelKey[][] keys(long seed, int rounds, List<String> nodes) {
    ChannelKey[][] keys = new ChannelKey[rounds][nodes.size()];
    for (int t = 0; t < rounds; t++) {
      for (int i = 0; i < nodes.size(); i++) {
        keys[t][i] = ChannelKey.of(seed, "t" + (t + 1), nodes.get(i));
      }
    }
    return keys;
  }

  /**
   * Plays T rounds.
   *
   * @param logits [K][n], x_i, in logits, within [-L, L]; not changed. The n coordinates are those
   *     of probe 0 for the dither.
   * @param keys [T][K], of round t and node i; {@link #NESTED_DIGITS} reads only the first round's.
   *     Nodes must not share keys, nor rounds, or errors do not average out.
   * @return [T][n], ȳ_t, in logits; the first rounds do not depend on how many follow
   * @throws IllegalArgumentException if shapes differ, or at a logit out of range or NaN
   */
  public double[][] means(RefinementChannel channel, double[][] logits, ChannelKey[][] keys) {
    return switch (this) {
      case VANILLA -> RefinementKernel.vanilla(channel, logits, keys);
      case VANILLA_AVERAGED -> RefinementKernel.vanillaAveraged(channel, logits, keys);
      case BROADCAST_RESIDUAL ->
          RefinementKernel.broadcastResidual(channel, logits, keys, step -> step / 2);
      case BROADCAST_RESIDUAL_SAFE -> RefinementKernel.safeBroadcastResidual(channel, logits, keys);
      case OWN_RESIDUAL -> RefinementKernel.ownResidual(channel, logits, keys);
      case NESTED_DIGITS -> RefinementKernel.nestedDigits(channel, logits, keys);
    };
  }

  /**
   * S = max over nodes and coordinates of |x_i − x̄|, in logits.
   *
   * @param logits [K][n], in logits
   * @throws IllegalArgumentException if rows differ in length, or there is none
   */
  public static double spread(double[][] logits) {
    return RefinementKernel.spread(logits);
  }

  /**
   * The mean over dithers of (ȳ_t − x̄)², for each coordinate, in logits²: exact, by the formula of
   * each scheme. {@link #BROADCAST_RESIDUAL} has one after its first round only for identical
   * nodes.
   *
   * @param nodes K, at least 1
   * @param spread S, {@link #spread}, in logits, at least 0; read by the broadcast schemes only
   * @param round t, from 1
   */
  public OptionalDouble predictedVariance(
      RefinementChannel channel, int nodes, double spread, int round) {
    if (nodes < 1 || round < 1) {
      throw new IllegalArgumentException(
          "nodes and round must be at least 1, got " + nodes + " and " + round);
    }
    if (!(spread >= 0 && spread <= 2 * channel.clip())) {
      throw new IllegalArgumentException(
          "spread must be in [0, 2L = " + 2 * channel.clip() + "] logits, got " + spread);
    }
    if (this == BROADCAST_RESIDUAL && spread > 0 && round > 1) {
      return OptionalDouble.empty();
    }
    double step = channel.step(channel.clip());
    double parts = nodes;
    for (int t = 2; t <= round; t++) {
      switch (this) {
        case VANILLA -> {}
        case VANILLA_AVERAGED -> parts += nodes;
        case BROADCAST_RESIDUAL, OWN_RESIDUAL -> step = channel.step(step / 2);
        case BROADCAST_RESIDUAL_SAFE ->
            step = channel.step(RefinementKernel.safeRange(spread, step));
        case NESTED_DIGITS -> step /= channel.symbols();
      }
    }
    return OptionalDouble.of(step * step / (12 * parts));
  }
}
