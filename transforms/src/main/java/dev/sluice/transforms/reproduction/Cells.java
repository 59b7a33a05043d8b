package dev.sluice.transforms.reproduction;

import dev.sluice.schemas.ReproductionCell;
import java.math.BigDecimal;
import java.util.Optional;

/** Means over repetitions beside published ones. */
public final class Cells {
  private Cells() {}

  /** The mean, summed in order; at least one value. */
  public static double mean(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum / values.length;
  }

  /** The standard deviation over n − 1; empty for fewer than two values. */
  public static Optional<Double> deviation(double[] values) {
    if (values.length < 2) {
      return Optional.empty();
    }
    double mean = mean(values);
    double squares = 0;
    for (double value : values) {
      squares += (value - mean) * (value - mean);
    }
    return Optional.of(Math.sqrt(squares / (values.length - 1)));
  }

  /**
   * How many standard errors two means are apart: (ours − published) over the root of
   * oursSd²/seeds, publishedSd²/publishedSeeds and 10^−2d/12, the variance of rounding to d
   * decimals. A deviation that is not known is taken to be the other.
   *
   * @param published as printed
   * @return empty where neither deviation is known
   */
  public static Optional<Double> z(
      double ours,
      Optional<Double> oursSd,
      int seeds,
      BigDecimal published,
      Optional<Double> publishedSd,
      int publishedSeeds) {
    if (oursSd.isEmpty() && publishedSd.isEmpty()) {
      return Optional.empty();
    }
    double own = oursSd.orElseGet(publishedSd::get);
    double theirs = publishedSd.orElse(own);
    double unit = published.ulp().doubleValue();
    double variance = own * own / seeds + theirs * theirs / publishedSeeds + unit * unit / 12;
    return Optional.of((ours - published.doubleValue()) / Math.sqrt(variance));
  }

  /**
   * A cell without bounds.
   *
   * @param row what it is compared with
   * @param ours one value for each repetition
   * @param publishedSeeds repetitions of the published mean; read where there is one
   */
  static ReproductionCell of(PublishedValues.Row row, double[] ours, int publishedSeeds) {
    double mean = mean(ours);
    Optional<Double> sd = deviation(ours);
    Optional<Double> z =
        row.published()
            .flatMap(p -> z(mean, sd, ours.length, p, row.publishedSd(), publishedSeeds));
    return ReproductionCell.newBuilder()
        .setAxis(row.axis())
        .setValue(row.value())
        .setChannel(row.channel())
        .setPublished(row.published().map(BigDecimal::doubleValue).orElse(null))
        .setPublishedSd(row.publishedSd().orElse(null))
        .setReference(row.reference().orElse(null))
        .setOurs(mean)
        .setOursSd(sd.orElse(null))
        .setSeeds(ours.length)
        .setZ(z.orElse(null))
        .build();
  }

  /** The values of one quantity, a value for each repetition. */
  static double[] quantity(double[][] repetitions, int quantity) {
    double[] values = new double[repetitions.length];
    for (int r = 0; r < values.length; r++) {
      values[r] = repetitions[r][quantity];
    }
    return values;
  }
}
