package dev.sluice.transforms.bounds;

import dev.sluice.transforms.allocation.MomentBound;
import dev.sluice.transforms.theory.FpldBound;
import dev.sluice.transforms.theory.KlBounds;

/** When a bound says nothing that was not known without it. */
final class Vacuity {
  private Vacuity() {}

  /** Why a value says nothing; empty where it says something. */
  static String of(Bound.Kind kind, double value, Setting setting) {
    return switch (kind) {
      case BANDWIDTH_ABOVE -> bandwidth(value, setting);
      case RISK_ABOVE ->
          value >= StrictMath.log(setting.vocabulary())
              ? "at least log V, which a uniform student may have"
              : "";
      case BANDWIDTH_BELOW -> value <= 0 ? "not above 0" : "";
      case COVERAGE -> value <= 0 ? "not above 0" : "";
      case SLACK -> value >= 1 ? "at least 1" : "";
      case SET_SIZE ->
          value >= setting.at(Input.CANDIDATES) ? "not below the number of candidates" : "";
      case RELATIVE_ERROR ->
          switch (MomentBound.Verdict.of(value)) {
            case INFORMATIVE -> "";
            case LINEAR_VACUOUS -> "above 1/2: 1 + 4e says nothing";
            case VACUOUS -> "at least 1: nothing is promised of the split";
          };
      case PRICE -> Double.isInfinite(value) ? "infinite" : "";
      case SAMPLES -> value >= 0x1p53 ? "more than 2^53" : "";
      case DEVIATION ->
          value >= setting.mean(run -> KlBounds.worstCase(run.meanStep()))
              ? "at least W^2/8, the worst case, and KL is in [0, W^2/8]"
              : "";
      case TRACE -> value >= 1 ? "at least 1, which is so of every p" : "";
      case RATIO -> "";
    };
  }

  private static String bandwidth(double value, Setting setting) {
    double log = StrictMath.log(setting.vocabulary());
    if (value >= log) {
      return "at least log V, what a hub has that hears nothing";
    }
    boolean above =
        setting.clipsKnown()
            && value
                >= setting.mean(run -> FpldBound.uninformed(run.clips(), setting.vocabulary()));
    return above ? "at least L^2/2, what a hub has that hears nothing" : "";
  }
}
