package dev.sluice.transforms.bounds;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * One bound: what it says, whose it is, and what it comes to in a {@link Setting}.
 *
 * <p>Two papers number their theorems alike: P1 is arXiv:2605.09986v2, P2 arXiv:2605.29642v1.
 */
public final class Bound {
  /** What is bounded, from which side, and when that says nothing. */
  public enum Kind {
    /** KL(softmax of the mean of clipped logits || teacher), from above. */
    BANDWIDTH_ABOVE("KL(mean || teacher) at most", "nats"),
    /** The same, from below. */
    BANDWIDTH_BELOW("KL(mean || teacher) at least", "nats"),
    /** KL(truth || student), from above. */
    RISK_ABOVE("KL(truth || student) at most", "nats"),
    /** How far a mean over probes may be from its expectation. */
    DEVIATION("mean over probes within", "nats"),
    /** The trace of a softmax's Hessian. */
    TRACE("1 - |p|^2 at most", ""),
    /** Relative error of second moments. */
    RELATIVE_ERROR("|estimate/moment - 1| at most", ""),
    /** A split's cost over the best one's. */
    PRICE("split by estimates / best split at most", ""),
    /** The same, of a split that is known. */
    RATIO("uniform split / best split", ""),
    /** Samples that are enough. */
    SAMPLES("probes that suffice", "probes"),
    /** A coverage, from below. */
    COVERAGE("coverage at least", ""),
    /** What is taken from a coverage. */
    SLACK("slack of coverage", ""),
    /** Mean size of a set, from above. */
    SET_SIZE("mean set size at most", "candidates");

    private final String words;
    private final String unit;

    Kind(String words, String unit) {
      this.words = words;
      this.unit = unit;
    }

    /** What is bounded, in words. */
    public String words() {
      return words;
    }

    /** Its unit; empty for a pure number. */
    public String unit() {
      return unit;
    }
  }

  /**
   * What a bound comes to.
   *
   * @param value as it is, below 0 or infinite where it says so; empty where something is missing
   * @param needs options that would have to be given
   * @param vacuous why it says nothing; empty where it says something
   * @param note why there is no value, or what to know of it; may be empty
   */
  public record Result(
      Bound bound, OptionalDouble value, List<String> needs, String vacuous, String note) {
    /** The value to show: a coverage at least 0. */
    public OptionalDouble shown() {
      return bound.kind == Kind.COVERAGE && value.isPresent()
          ? OptionalDouble.of(Math.max(0, value.getAsDouble()))
          : value;
    }
  }

  /** What a formula comes to, or why it does not apply. */
  record Outcome(double value, String note) {
    static Outcome none(String why) {
      return new Outcome(Double.NaN, why);
    }
  }

  /** The formula itself. */
  interface Formula {
    Outcome in(Setting setting);
  }

  /** Whose steps a bound is made on. */
  enum Steps {
    /** The plan's own, or none. */
    PLANNED("") {
      @Override
      double width(double bits) {
        return Double.POSITIVE_INFINITY;
      }
    },
    /** The papers': 2L·2^−b. */
    MODEL("2L*2^-b") {
      @Override
      double width(double bits) {
        return 2 * StrictMath.pow(2, -bits);
      }
    },
    /** Of N = ⌊2^b⌋ symbols: 2L/(N − 1). */
    SYMBOLS("2L/(N-1)") {
      @Override
      double width(double bits) {
        return 2.0 / (symbols(bits) - 1);
      }
    };

    private final String words;

    Steps(String words) {
      this.words = words;
    }

    /** The step of a first round, in clip levels. */
    abstract double width(double bits);

    /** ⌊2^b⌋ for b up to 16. */
    static int symbols(double bits) {
      return (int) Math.floor(StrictMath.pow(2, Math.min(16, bits)));
    }
  }

  /** In the note of every value that is no bound for the plan it is shown with. */
  static final String NOT_THIS_PLAN = "does not hold for this plan";

  /** What a formula is about. */
  record Names(String id, String name, String source, String section) {}

  private final Names names;
  private final Kind kind;
  private final String formula;
  private final List<String> assumptions;
  private final Set<Input> needs;
  private final boolean needsClips;
  private final boolean needsDither;
  private final Steps steps;
  private final Formula value;

  Bound(
      Names names,
      Kind kind,
      String formula,
      List<String> assumptions,
      Set<Input> needs,
      boolean needsClips,
      boolean needsDither,
      Steps steps,
      Formula value) {
    this.names = names;
    this.kind = kind;
    this.formula = formula;
    this.assumptions = assumptions;
    this.needs = needs;
    this.needsClips = needsClips;
    this.needsDither = needsDither;
    this.steps = steps;
    this.value = value;
  }

  /** Short and unique, as 'P2-5.5'. */
  public String id() {
    return names.id();
  }

  /** What it is called. */
  public String name() {
    return names.name();
  }

  /** Paper and theorem. */
  public String source() {
    return names.source();
  }

  /** Section of THEORY. */
  public String section() {
    return names.section();
  }

  /** What it bounds. */
  public Kind kind() {
    return kind;
  }

  /** The formula as text. */
  public String formula() {
    return formula;
  }

  /** What it rests on, in words. */
  public List<String> assumptions() {
    return assumptions;
  }

  /** Options that it needs besides a plan. */
  public List<String> options() {
    List<String> options = new ArrayList<>();
    if (needsClips) {
      options.add("--clip");
    }
    needs.forEach(input -> options.add(input.option()));
    return options;
  }

  /** What it comes to. */
  public Result in(Setting setting) {
    List<String> missing = new ArrayList<>();
    if (needsClips && !setting.clipsKnown()) {
      if (setting.certificate().isPresent()) {
        return none("clips differ from probe to probe: the certificate alone speaks of them");
      }
      missing.add("--clip");
    }
    needs.stream().filter(input -> !setting.knows(input)).forEach(i -> missing.add(i.option()));
    if (needsDither && !setting.dithered()) {
      return none("no dither, so no law of errors");
    }
    if (!missing.isEmpty()) {
      return new Result(this, OptionalDouble.empty(), missing, "", "");
    }
    Outcome outcome = value.in(setting);
    if (Double.isNaN(outcome.value())) {
      return none(outcome.note());
    }
    return new Result(
        this,
        OptionalDouble.of(outcome.value()),
        List.of(),
        Vacuity.of(kind, outcome.value(), setting),
        noted(outcome.note(), setting));
  }

  /** With what wider steps of the plan do to it. Lower bounds hold all the more (THEORY 3.4). */
  private String noted(String note, Setting setting) {
    if (steps == Steps.PLANNED || kind == Kind.BANDWIDTH_BELOW || setting.attains(steps)) {
      return note;
    }
    String wider =
        "the plan's steps are wider than "
            + steps.words
            + ": "
            + NOT_THIS_PLAN
            + (kind == Kind.BANDWIDTH_ABOVE ? "; U and U2 do" : "");
    return note.isEmpty() ? wider : note + "; " + wider;
  }

  private Result none(String why) {
    return new Result(this, OptionalDouble.empty(), List.of(), "", why);
  }
}
