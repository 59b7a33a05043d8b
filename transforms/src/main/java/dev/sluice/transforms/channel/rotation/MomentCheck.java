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
 * <p><b>The rule.</b> One round where rho is at most 0.01 (a squared bias of 1.1e-4 at most) and,
 * where a round is two windows, the variances that it leaves are within a quarter of each other
 * ({@link Rotation#evenness}: by the same account 2.2e-4 at most). Else two, whatever the vector:
 * the mean over signs of what rho is after a round is {@code (3 - 2 rho)/d}, that of Gaussian
 * numbers or less, wherever x had its energy, and the second round's signs know nothing of the
 * first's, so that blocks or subcubes of equal coordinates are no worse than others. Where that
 * mean itself is above 0.01, for d below 300, three: at d = 32 the 1-bit error of (1, 1, 0, ...) is
 * 0.70 after two and 0.60 after three, and at d = 16 the squared bias of geometric sequences falls
 * from 9e-4 to 3e-4.
 *
 * @param energy sum of squares; not finite if a coordinate is not
 * @param concentration rho, in [1/d, 1]; 0 of a vector of zeros
 * @param rounds in [1, 3]
 */
public record MomentCheck(double energy, double concentration, int rounds) {
  /** The largest rho that enters the last round. */
  static final double MOST_CONCENTRATION = 0.01;

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
