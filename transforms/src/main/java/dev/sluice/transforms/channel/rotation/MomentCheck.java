package dev.sluice.transforms.channel.rotation;

/**
 * How many rounds of a randomised Hadamard rotation a vector needs for codes whose bias a uniform
 * rotation would take away. O(d), one pass.
 *
 * <p><b>Why.</b> After a round an output coordinate is {@code y = sum_j +-x_j/sqrt d} with fair
 * independent signs, so that {@code E y^4 = (3 (sum x^2)^2 - 2 sum x^4)/d^2}: its excess kurtosis
 * is -2 rho, {@code rho = sum x^4/(sum x^2)^2}. Let |x| = 1. Of a code that sends the signs of y,
 * the mean of what is decoded at coordinate j is proportional to the mean of sign(y) times j's own
 * sign: about {@code 2 Phi(x_j/sqrt(1 - x_j^2)) - 1}, the others together being nearly normal, or
 * {@code sqrt(2/pi) x_j (1 + x_j^2/3)}. Scaled so that {@code <x, x'> = 1}, the squared bias is
 * {@code (sum x^6 - rho^2)/9}, at most {@code rho^(3/2)/9}, with equality in the limit for one
 * coordinate that stands out of many. Finer levels do better. Measured on such vectors of 1024
 * coordinates, 1 bit: 1.2e-4 at rho = 0.012, 1.7e-3 at 0.05, 5.5e-3 at 0.1, 0.04 at 0.3; and 0.25,
 * all of the error, on (1, 1/2, 0, ...), where rho = 0.68.
 *
 * <p><b>Equal coordinates.</b> There the others together are not nearly normal: n ones and their
 * signs sum to whole numbers in steps of 2, and where that is 0, once in {@code sqrt(pi n/2)}, the
 * sign is that of whatever else there is, however small. One coordinate that is small beside the n
 * comes out, in the mean, as large as they are; one a little above them, twice as large. Either
 * squared bias is near to 1/n, which is rho, and nothing was found above rho. Measured, 1 bit, 1024
 * coordinates: 8.9e-3 on a hundred ones and 0.05, where rho = 0.01, and 3.7e-3 on 250.
 *
 * <p><b>The rule.</b> One round where rho is at most 0.004, which therefore is about the most that
 * the squared bias can be, and, where a round is two windows, the variances that it leaves are
 * within a quarter of each other ({@link Rotation#evenness}: by the first account 2.2e-4 at most).
 * Else two: the mean over signs of what rho is after a round is {@code (3 - 2 rho)/d}, that of
 * Gaussian numbers or less, wherever x had its energy, and the second round's signs know nothing of
 * the first's. Where that mean itself is above 0.004, three. What is worst for two are two
 * coordinates that are all but equal, half of whose first round is next to 0: 4.5e-3 at d = 256,
 * 2.1e-3 at 512 on (1, 0.99, 0, ...).
 *
 * <p>Three rounds do for d from 64 on: there 3.3e-3 on four coordinates that are all but equal.
 * Below, sums of so few signs are in steps too coarse: 7e-3 at d = 32 on (1, 0.95, 0, ...), 0.056
 * at 16, 0.33 at 4 on (1, 0.8, 0, 0); and for d = 2 rotations are by multiples of 45 degrees, and
 * all of a 1-bit code's error is bias.
 *
 * @param energy sum of squares; not finite if a coordinate is not
 * @param concentration rho, in [1/d, 1]; 0 of a vector of zeros
 * @param rounds in [1, 3]
 */
public record MomentCheck(double energy, double concentration, int rounds) {
  /** The largest rho that enters the last round. */
  static final double MOST_CONCENTRATION = 0.004;

  /** The least ratio of variances, either over the other. */
  static final double LEAST_EVENNESS = 0.8;

  /** Looks at {@code x[at .. at + d)}. */
  public static MomentCheck of(float[] x, int at, Rotation rotation) {
    int n = rotation.dimension();
    double squares = 0;
    double squares1 = 0;
    double fourths = 0;
    double fourths1 = 0;
    int even = n & -2;
    for (int i = 0; i < even; i += 2) {
      double a = (double) x[at + i] * x[at + i];
      double b = (double) x[at + i + 1] * x[at + i + 1];
      squares += a;
      squares1 += b;
      fourths += a * a;
      fourths1 += b * b;
    }
    if (even < n) {
      double a = (double) x[at + even] * x[at + even];
      squares += a;
      fourths += a * a;
    }
    double energy = squares + squares1;
    double concentration = energy > 0 ? (fourths + fourths1) / (energy * energy) : 0;
    double evenness = rotation.evenness(x, at);
    boolean isEven = evenness >= LEAST_EVENNESS && evenness <= 1 / LEAST_EVENNESS;
    int rounds = 3;
    if (concentration <= MOST_CONCENTRATION && isEven) {
      rounds = 1;
    } else if ((3 - 2 * concentration) / rotation.window() <= MOST_CONCENTRATION) {
      rounds = 2;
    }
    return new MomentCheck(energy, concentration, rounds);
  }
}
