package dev.sluice.transforms.fuzz;

import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.CalibrationPlan;
import dev.sluice.transforms.conformal.CalibrationSummary;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Calibration summaries, by plans of some kinds that the first byte chooses among. */
final class SummariesTarget implements FuzzTarget {
  private final List<CalibrationPlan> plans = new ArrayList<>();

  SummariesTarget() {
    for (int bits : new int[] {0, 16, 40, 700}) {
      for (int cell : new int[] {1, 4}) {
        plans.add(
            CalibrationPlan.of(bits, 20, 4, List.of(Alpha.of("0.1"), Alpha.of("0.5")))
                .withScores(0, 100)
                .withMinCell(cell));
        plans.add(
            CalibrationPlan.of(bits, 20, 4, List.of(Alpha.of("0.1")))
                .withScores(50, 50)
                .withMinCell(cell)
                .withMaxLevels(31));
      }
    }
  }

  List<CalibrationPlan> plans() {
    return plans;
  }

  @Override
  public boolean accepts(byte[] input) {
    if (input.length == 0) {
      return false;
    }
    CalibrationPlan plan = plans.get((input[0] & 0xff) % plans.size());
    byte[] bytes = Arrays.copyOfRange(input, 1, input.length);
    CalibrationSummary summary;
    try {
      summary = CalibrationSummary.decode(plan, bytes);
    } catch (BadCodesException e) {
      return false;
    }
    for (int j = 1; j < summary.points(); j++) {
      if (summary.value(j) < summary.value(j - 1) || summary.rank(j) <= summary.rank(j - 1)) {
        throw new AssertionError("point " + j + " is below the one before");
      }
    }
    if (!plan.isSilent() && !Arrays.equals(summary.encode(), bytes)) {
      throw new AssertionError("encoded again they are other bytes");
    }
    return true;
  }
}
