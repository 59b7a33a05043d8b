package dev.sluice.transforms.channel.vector;

import java.util.Optional;

/**
 * What a code says of itself.
 *
 * @param bias whether the mean of what is decoded, over keys, is what was sent
 * @param errorLaw the law of its error, for people; empty where none is known that holds for every
 *     vector
 * @param sideInformation what is sent beside the coordinates' own bits, and is counted
 * @param state what sender or receiver must keep from one vector to the next; "none" where nothing
 * @param source where it was published
 */
public record Declaration(
    Bias bias, Optional<String> errorLaw, String sideInformation, String state, String source) {
  /** Whether averaging over many nodes leads to what they sent. */
  public enum Bias {
    /** For every vector, over the keys' draws. */
    NONE("none"),

    /**
     * For every vector under a rotation uniform over all; under randomised Hadamard rounds as far
     * as these come near to one: at 1 bit to a squared bias of about 0.004 of the squared length,
     * from {@link #SHORT} coordinates on. Finer levels do better, fewer coordinates far worse.
     */
    NONE_BY_ROTATION("none by rotation"),

    /** Averaging stops at a floor. */
    BIASED("biased");

    /** Of fewer coordinates Hadamard rounds do not make a uniform rotation. */
    public static final int SHORT = 64;

    private final String label;

    Bias(String label) {
      this.label = label;
    }

    /** Its name in documents. */
    public String label() {
      return label;
    }

    /** Whether averages over nodes keep getting better, for all but short vectors. */
    public boolean averagesOut() {
      return this != BIASED;
    }

    /** Whether averages over nodes may stop getting better only as vectors are so short. */
    public boolean isLostIn(int dimension) {
      return this == NONE_BY_ROTATION && dimension < SHORT;
    }
  }
}
