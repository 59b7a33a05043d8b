package dev.sluice.transforms.bounds;

import dev.sluice.transforms.allocation.MomentBound;
import dev.sluice.transforms.allocation.SplitCertificate;
import dev.sluice.transforms.allocation.WaterFilling;
import dev.sluice.transforms.allocation.Weighting;
import dev.sluice.transforms.bounds.Bound.Formula;
import dev.sluice.transforms.bounds.Bound.Kind;
import dev.sluice.transforms.bounds.Bound.Names;
import dev.sluice.transforms.bounds.Bound.Outcome;
import dev.sluice.transforms.bounds.Bound.Steps;
import dev.sluice.transforms.bounds.Setting.Run;
import dev.sluice.transforms.channel.StepLaw;
import dev.sluice.transforms.conformal.ConformalRank;
import dev.sluice.transforms.conformal.SlackTerms;
import dev.sluice.transforms.refinement.RefinementChannel;
import dev.sluice.transforms.refinement.RefinementScheme;
import dev.sluice.transforms.theory.CoverageBound;
import dev.sluice.transforms.theory.FpldBound;
import dev.sluice.transforms.theory.KlBounds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.ToDoubleFunction;

/**
 * All bounds, ours first. Where the papers err, the right form has the plain name and the printed
 * one stands beside it as '-paper' (THEORY 9).
 */
public final class BoundCatalogue {
  private static final String DITHER =
      "each error uniform on its step and independent of the logits (dither), over nodes too;"
          + " coordinates may depend on each other";
  private static final String CLIPPED =
      "P is the softmax of the mean of clipped logits: what"
          + " clipping does is not in it (THEORY 2.4)";
  private static final String MODEL =
      "steps of 2L*2^-b, which 2^b symbols cannot have: the"
          + " quantizer 'dither-paper' attains them with a symbol more (THEORY 2.2)";
  private static final String CONSTANTS = "c1 and c2 as given: the papers leave them open";
  private static final String FROZEN = "logits stay as they are during the rounds (THEORY 4.4)";
  private static final String SILENT = "nodes without bits are left out of K (THEORY 5.6)";
  private static final String ONE_CHANNEL =
      "one clip and one number of symbols for all nodes: what is left is the mean's error, of range"
          + " mean(step)/2";
  private static final String OTHER_SPLIT =
      "of another split than the plan's: " + Bound.NOT_THIS_PLAN;
  private static final String SCORES =
      "exchangeable scores (B1) in [0, S] (B2), of density at most"
          + " f_max near the threshold (B5)";

  private static final List<Bound> ALL = new ArrayList<>();

  static {
    channel();
    published();
    rounds();
    allocation();
    warmUp();
    coverage();
  }

  private BoundCatalogue() {}

  /** Every bound, in the order in which they are shown. */
  public static List<Bound> all() {
    return Collections.unmodifiableList(ALL);
  }

  /** The bound of this id, in any case. */
  public static Optional<Bound> of(String id) {
    return ALL.stream().filter(bound -> bound.id().equalsIgnoreCase(id)).findFirst();
  }

  // ---- the channel as it is ----

  private static void channel() {
    add(
        new Names("U", "(U), upper bound", "ours", "3.3"),
        Kind.BANDWIDTH_ABOVE,
        "sum_i log E sinhc(w_i/2K), sinhc(a) = sinh(a)/a, w_i the step of node i",
        List.of(DITHER, CLIPPED),
        Set.of(),
        s -> just(s.mean(run -> KlBounds.upper(run.laws(), run.clips()))));
    add(
        new Names("U2", "half the error's variance", "ours", "3.3"),
        Kind.BANDWIDTH_ABOVE,
        "sigma^2/2, sigma^2 = K^-2 sum_i E w_i^2/12",
        List.of(
            DITHER,
            CLIPPED,
            "each node's steps within a factor 2 of each other; else the leading"
                + " order of (U) only"),
        Set.of(),
        BoundCatalogue::halfVariance);
    add(
        new Names("any-law", "without a law of errors", "ours", "3.5"),
        Kind.BANDWIDTH_ABOVE,
        "K^-2 sum_i w_i^2/8, w_i the largest step",
        List.of("errors of mean 0 within half a step, independent over nodes, of any law", CLIPPED),
        Set.of(),
        s -> just(s.mean(run -> FpldBound.anyLaw(largestSteps(run)))));
    add(
        new Names("L", "(L), lower bound", "ours", "3.4"),
        Kind.BANDWIDTH_BELOW,
        "h(W)/2 sigma^2 eta0, h(R) = 2(e^-R - 1 + R)/R^2, W the mean of the largest steps",
        List.of(
            DITHER,
            CLIPPED,
            "errors of two coordinates uncorrelated",
            "eta0 at most the mean over probes of 1 - |P|^2"),
        Set.of(Input.ETA0),
        s ->
            just(
                s.mean(
                    run ->
                        KlBounds.lower(
                            KlBounds.variance(run.laws(), run.clips()),
                            run.meanStep(),
                            s.at(Input.ETA0)))));
    addAnyLaw(
        new Names("worst", "worst case", "ours", "3.3"),
        Kind.BANDWIDTH_ABOVE,
        "W^2/8, W the mean of the largest steps",
        List.of("errors within half a step: for every dither, and without", CLIPPED),
        Set.of(),
        s -> just(s.mean(run -> KlBounds.worstCase(run.meanStep()))));
    add(
        new Names("deviation", "Hoeffding over probes", "ours", "3.3"),
        Kind.DEVIATION,
        "r sqrt(log(2/delta)/(2m)), r the root of the mean of squared worst cases",
        List.of(
            DITHER,
            "probability 1 - delta over the dither",
            "about the mean given which coordinates have finer steps; about the mean over these"
                + " too, m counts blocks"),
        Set.of(Input.DELTA),
        s ->
            new Outcome(
                KlBounds.deviation(
                    Math.sqrt(
                        s.mean(
                            run -> {
                              double worst = KlBounds.worstCase(run.meanStep());
                              return worst * worst;
                            })),
                    s.oneStep() ? s.probes() : s.round().blocks(),
                    s.at(Input.DELTA)),
                s.oneStep() ? "" : "over blocks, as steps are mixed"));
  }

  private static Outcome halfVariance(Setting s) {
    double half = s.mean(run -> KlBounds.variance(run.laws(), run.clips())) / 2;
    boolean near =
        s.runs().stream()
            .flatMap(run -> run.laws().stream())
            .allMatch(law -> law.width(0) <= 2 * law.width(law.atoms() - 1));
    return new Outcome(
        half, near ? "" : "steps differ by more than a factor 2: leading order only");
  }

  // ---- Theorem 3.1 of P2, 4.1 of P1, and what is beside it ----

  private static void published() {
    Set<Input> fit =
        EnumSet.of(
            Input.C1,
            Input.C2,
            Input.RHO,
            Input.SAMPLES,
            Input.DIMENSION,
            Input.DELTA,
            Input.EPS_FIT,
            Input.EPS_OPT,
            Input.LAMBDA_MAX);
    Set<Input> fitPaper = EnumSet.copyOf(fit);
    fitPaper.remove(Input.LAMBDA_MAX);
    List<String> risk =
        List.of(
            "well-specified, regular student (A.2); probes of density at most rho (A.3); nodes of"
                + " one distribution (A.4); local training within eps_opt (A.5)",
            "probability 1 - delta over data and probes; dither is averaged",
            CONSTANTS,
            "no term for smoothing, which can be the largest (THEORY 9.13)");
    add(
        new Names(
            "risk",
            "the student's risk",
            "P2 Theorems 3.1, 5.4 and P1 Theorem 4.1, with (U)",
            "3.5, 9.13"),
        Kind.RISK_ABOVE,
        "c1 d/(Kn) + c2 rho sqrt(V log(V/delta)/m) + (U) + eps_opt lambda_max/2 + eps_fit",
        plus(risk, DITHER),
        fit,
        s -> just(risk(s)));
    model(
        new Names(
            "risk-paper",
            "the same as printed",
            "P2 Theorems 3.1, 5.4; P1 Theorem 4.1",
            "3.5, 9.13"),
        Kind.RISK_ABOVE,
        "c1 d/(Kn) + c2 rho sqrt(V log(V/delta)/m) + K^-2 sum_i (L_i^2/6) 4^-b_i + eps_opt +"
            + " eps_fit",
        plus(risk, MODEL, "eps_opt, a squared distance, taken for nats"),
        fitPaper,
        s ->
            just(
                statistical(s)
                    + s.mean(run -> FpldBound.bandwidth(run.clips(), run.bits()))
                    + s.at(Input.EPS_OPT)
                    + s.at(Input.EPS_FIT)));
    EnumSet<Input> drift = EnumSet.copyOf(fit);
    drift.add(Input.DRIFT_KL);
    add(
        new Names("P1-4.4", "the risk, where nodes differ", "P1 Corollary 4.4", "7.1"),
        Kind.RISK_ABOVE,
        "risk + K^-1 sum_i KL(truth || node i)",
        plus(risk, "small drift", DITHER),
        drift,
        s -> just(risk(s) + FpldBound.drift(s.at(Input.DRIFT_KL))));
    model(
        new Names("P2-3.1", "bandwidth term", "P2 Theorem 3.1; P1 Theorem 4.1", "3.3, 3.5"),
        Kind.BANDWIDTH_ABOVE,
        "c3/K 4^-b, c3 = L^2/6",
        List.of(DITHER, MODEL, CLIPPED, "one clip and one budget for all nodes"),
        Set.of(),
        s ->
            s.homogeneous()
                ? bandwidth(s)
                : Outcome.none("nodes differ in clip or budget: P2-5.4"));
    model(
        new Names("P2-5.4", "bandwidth term, node by node", "P2 Theorem 5.4", "5.1"),
        Kind.BANDWIDTH_ABOVE,
        "(1/2) K^-2 sum_i (L_i^2/3) 4^-b_i",
        List.of(DITHER, MODEL, CLIPPED, SILENT),
        Set.of(),
        BoundCatalogue::bandwidth);
    model(
        new Names(
            "P1-A", "(A), Euclidean", "P1 (A); the bandwidth term of P1 v1", "3.5, 9.10, 9.16"),
        Kind.BANDWIDTH_ABOVE,
        "(V/2) K^-2 sum_i (L_i^2/6) 4^-b_i, so (L^2/12)(V/K) 4^-b",
        List.of(
            "as P2-5.4; meant for errors that depend over coordinates, of which (U) has no need:"
                + " V/2 too large",
            MODEL),
        Set.of(),
        s -> just(s.mean(run -> FpldBound.euclidean(run.clips(), run.bits(), s.vocabulary()))));
    model(
        new Names("P1-B", "(B), without symmetry", "P1 (B)", "3.5"),
        Kind.BANDWIDTH_ABOVE,
        "sigma^2/2 + (1/6) K^-3 sum_i L_i (L_i^2/3) 8^-b_i + C_rem sigma^4",
        List.of(
            "errors of mean 0 and variance L^2/3 4^-b, within half a step, independent over nodes"
                + " and coordinates",
            MODEL,
            "C_rem as given: the paper leaves it open"),
        Set.of(Input.C_REM),
        s ->
            just(
                s.mean(
                    run -> FpldBound.withoutSymmetry(run.clips(), run.bits(), s.at(Input.C_REM)))));
    model(
        new Names(
            "no-averaging", "bandwidth term without 1/K", "arXiv:2605.29139, as extracted", "9.16"),
        Kind.BANDWIDTH_ABOVE,
        "c3 4^-b, c3 = L^2/6",
        List.of("as P2-3.1; a factor K too large", MODEL),
        Set.of(),
        s ->
            s.homogeneous()
                ? just(s.mean(run -> run.nodes() * FpldBound.bandwidth(run.clips(), run.bits())))
                : Outcome.none("nodes differ in clip or budget"));
    model(
        new Names("P2-4.2", "lower bound of a fixed scheme", "P2 Theorem 4.2", "3.4"),
        Kind.BANDWIDTH_BELOW,
        "(eta0/2) K^-2 sum_i (L_i^2/6) 4^-b_i, so c-/K 4^-b, c- = eta0 L^2/12",
        List.of(
            "mean over probes of 1 - |P|^2 at least eta0 (ND)",
            "mean step at most 2.5569 logits, in place of (SE')",
            "errors of exactly the model's variance; a bound on this construction, and not on every"
                + " channel (THEORY 9.14)"),
        Set.of(Input.ETA0),
        s ->
            s.most(run -> FpldBound.meanStep(run.clips(), run.bits())) <= FpldBound.SMALL_ERROR
                ? just(
                    s.mean(run -> FpldBound.fixedLower(run.clips(), run.bits(), s.at(Input.ETA0))))
                : Outcome.none("mean step above 2.5569 logits: (SE') does not hold; (L) does"));
    addAlways(
        new Names("trace", "trace lemma", "P1 Lemma 4.3, P2 Lemma B.7, put right", "3.1, 9.9"),
        Kind.TRACE,
        "1 - 1/V, attained at the uniform distribution",
        List.of("none"),
        s -> just(FpldBound.trace(s.vocabulary())));
    addAlways(
        new Names("trace-paper", "the same as printed", "P1 Lemma 4.3", "3.1, 9.9"),
        Kind.TRACE,
        "1, attained nowhere; P1 says at a one-hot distribution, where 1 - |p|^2 is 0",
        List.of("none"),
        s -> just(1));
  }

  private static Outcome bandwidth(Setting s) {
    return just(s.mean(run -> FpldBound.bandwidth(run.clips(), run.bits())));
  }

  private static double statistical(Setting s) {
    return s.mean(
            run ->
                FpldBound.samples(
                    s.at(Input.C1), s.at(Input.DIMENSION), run.nodes(), s.at(Input.SAMPLES)))
        + FpldBound.probes(
            s.at(Input.C2), s.at(Input.RHO), s.vocabulary(), s.probes(), s.at(Input.DELTA));
  }

  private static double risk(Setting s) {
    return statistical(s)
        + s.mean(run -> KlBounds.upper(run.laws(), run.clips()))
        + FpldBound.optimisation(s.at(Input.LAMBDA_MAX), s.at(Input.EPS_OPT))
        + s.at(Input.EPS_FIT);
  }

  // ---- T rounds ----

  private static void rounds() {
    model(
        new Names("P2-4.3", "T rounds, the published rate", "P2 Theorem 4.3", "4.1"),
        Kind.BANDWIDTH_ABOVE,
        "c3'/K 4^-Tb with c3' = c3 = L^2/6: what one round of T b bits has",
        List.of(
            MODEL,
            FROZEN,
            "not attained by the published recursion unless nodes are identical" + " (THEORY 9.4)"),
        Set.of(Input.ROUNDS),
        s ->
            just(
                s.mean(
                    run ->
                        FpldBound.bandwidth(
                            run.clips(),
                            FpldBound.afterRounds(run.bits(), s.wholeAt(Input.ROUNDS))))));
    model(
        new Names(
            "P2-4.3-lower",
            "T rounds, lower bound of a fixed scheme",
            "P2, after Theorem 4.3",
            "4.1"),
        Kind.BANDWIDTH_BELOW,
        "c-/K 4^-Tb, c- = eta0 L^2/12",
        List.of("as P2-4.2, at the step after T rounds", FROZEN),
        Set.of(Input.ROUNDS, Input.ETA0),
        s -> {
          int rounds = s.wholeAt(Input.ROUNDS);
          double step =
              s.most(
                  run ->
                      FpldBound.meanStep(run.clips(), FpldBound.afterRounds(run.bits(), rounds)));
          return step <= FpldBound.SMALL_ERROR
              ? just(
                  s.mean(
                      run ->
                          FpldBound.fixedLower(
                              run.clips(),
                              FpldBound.afterRounds(run.bits(), rounds),
                              s.at(Input.ETA0))))
              : Outcome.none("mean step above 2.5569 logits: (SE') does not hold");
        });
    scheme(
        "R3",
        RefinementScheme.NESTED_DIGITS,
        "nested digits",
        "(L^2/6K)/((N-1)^2 N^(2(T-1))): c3' = c3 (1 - 2^-b)^-2",
        Set.of(Input.ROUNDS),
        "whatever the nodes' logits");
    scheme(
        "R2",
        RefinementScheme.OWN_RESIDUAL,
        "residual against the node's own",
        "(L^2/6K) (N-1)^(-2T): none of it at N = 2 after the first round",
        Set.of(Input.ROUNDS),
        "whatever the nodes' logits");
    scheme(
        "R1",
        RefinementScheme.BROADCAST_RESIDUAL,
        "residual against the broadcast mean, as printed",
        "(L^2/6K) (N-1)^(-2T)",
        Set.of(Input.ROUNDS, Input.SPREAD),
        ONE_CHANNEL,
        "identical nodes, --spread 0; for others it is biased and has no bound (THEORY 4.2)");
    scheme(
        "R1-safe",
        RefinementScheme.BROADCAST_RESIDUAL_SAFE,
        "the same with a range that never" + " clips",
        "R_T^2/(6K (N-1)^2), R_t = S + max(S, step/2)",
        Set.of(Input.ROUNDS, Input.SPREAD),
        ONE_CHANNEL,
        "S at least every node's distance from the mean");
    scheme(
        "R0",
        RefinementScheme.VANILLA,
        "the last of T rounds",
        "(L^2/6K) (N-1)^-2 for every T",
        Set.of(Input.ROUNDS),
        "fresh dither every round");
    scheme(
        "R0-mean",
        RefinementScheme.VANILLA_AVERAGED,
        "the mean of T rounds",
        "(L^2/6K) (N-1)^-2/T",
        Set.of(Input.ROUNDS),
        "fresh dither every round");
    symbols(
        new Names("R2-drift", "R2 where logits move", "ours", "4.4"),
        "D_T^2/(24K), D_t = (D_(t-1) + 2 delta)/(N-1): floor 2 delta/(N-2)",
        List.of("a node's logits move by at most --drift-logits between rounds", "N = floor(2^b)"),
        Set.of(Input.ROUNDS, Input.DRIFT_LOGITS),
        s ->
            just(
                s.mean(
                    run -> {
                      double sum = 0;
                      for (int i = 0; i < run.nodes(); i++) {
                        double step =
                            FpldBound.driftingStep(
                                run.clips()[i],
                                Steps.symbols(run.bits()[i]),
                                s.at(Input.DRIFT_LOGITS),
                                s.wholeAt(Input.ROUNDS));
                        sum += step * step;
                      }
                      return sum / (24.0 * run.nodes() * run.nodes());
                    })));
  }

  private static void scheme(
      String id,
      RefinementScheme scheme,
      String name,
      String formula,
      Set<Input> needs,
      String... assumptions) {
    String whose =
        scheme == RefinementScheme.NESTED_DIGITS || scheme == RefinementScheme.OWN_RESIDUAL
            ? "ours"
            : "P2 section 4 and appendix B.4";
    symbols(
        new Names(id, "T rounds: " + name, whose, "4.2"),
        formula,
        plus(
            List.of(DITHER, FROZEN, "N = floor(2^b) symbols in every round, steps 2R/(N-1)"),
            assumptions),
        needs,
        s -> scheme(scheme, s));
  }

  private static Outcome scheme(RefinementScheme scheme, Setting s) {
    if (s.most(run -> Arrays.stream(run.bits()).max().orElseThrow()) > 16) {
      return Outcome.none("more than 16 bits a round");
    }
    boolean broadcast =
        scheme == RefinementScheme.BROADCAST_RESIDUAL
            || scheme == RefinementScheme.BROADCAST_RESIDUAL_SAFE;
    double spread = broadcast ? s.at(Input.SPREAD) : 0;
    if (broadcast) {
      if (!s.oneChannel()) {
        return Outcome.none(
            "nodes differ in clip or symbols: what is left is the mean's error, which the steps of"
                + " other nodes widen");
      }
      double farthest = s.most(run -> 2 * run.clips()[0] * (1 - 1.0 / run.nodes()));
      if (spread > farthest) {
        return Outcome.none(
            "--spread is above 2L(1 - 1/K) = "
                + farthest
                + ", the farthest that a logit in [-L, L] is from the mean of K");
      }
    }
    double sum = 0;
    for (Run run : s.runs()) {
      double variance = 0;
      for (int i = 0; i < run.nodes(); i++) {
        OptionalDouble one =
            scheme.predictedVariance(
                new RefinementChannel(run.clips()[i], Steps.symbols(run.bits()[i])),
                1,
                spread,
                s.wholeAt(Input.ROUNDS));
        if (one.isEmpty()) {
          return Outcome.none("nodes differ: biased, without a bound");
        }
        variance += one.getAsDouble();
      }
      sum += run.share() * variance / ((double) run.nodes() * run.nodes());
    }
    return just(sum / 2);
  }

  // ---- allocation ----

  private static void allocation() {
    List<String> assumptions =
        List.of(
            MODEL,
            "weights L_i^2/3; budgets real and of either sign (THEORY 5.2); the clipped optimum is"
                + " 'sluice allocate'",
            SILENT);
    model(
        new Names("P2-5.5", "best split of the same total", "P2 Theorem 5.5", "5.2"),
        Kind.BANDWIDTH_ABOVE,
        "(1/2K) w_g 4^(-R/K) at b_i = R/K + (1/2) log2(w_i/w_g), R = sum_i b_i, w_g the geometric"
            + " mean of w_i",
        assumptions,
        Set.of(),
        BoundCatalogue::bestSplit);
    model(
        new Names("P2-5.5-uniform", "uniform split of the same total", "P2 Theorem 5.5", "5.2"),
        Kind.BANDWIDTH_ABOVE,
        "(1/2) K^-2 sum_i w_i 4^(-R/K)",
        assumptions,
        Set.of(),
        BoundCatalogue::uniformSplit);
    model(
        new Names("P2-5.5-ratio", "what the best split saves", "P2 Theorem 5.5", "5.2"),
        Kind.RATIO,
        "mean(w)/w_g, at least 1",
        assumptions,
        Set.of(),
        s ->
            just(
                s.mean(
                    run -> {
                      double[] ones = new double[run.nodes()];
                      Arrays.fill(ones, 1);
                      return SplitCertificate.price(Weighting.fromClips(run.clips()), ones);
                    })));
  }

  private static double total(Run run) {
    double total = 0;
    for (double bits : run.bits()) {
      total += bits;
    }
    return total;
  }

  private static Outcome bestSplit(Setting s) {
    boolean negative = false;
    boolean same = true;
    double sum = 0;
    for (Run run : s.runs()) {
      double[] weights = Weighting.fromClips(run.clips());
      double[] best = WaterFilling.unconstrained(weights, total(run));
      negative |= Arrays.stream(best).anyMatch(bits -> bits < 0);
      same &= same(best, run.bits());
      sum += run.share() * WaterFilling.waterLevel(weights, total(run)) / (2 * run.nodes());
    }
    return new Outcome(
        sum,
        negative
            ? "a node would get less than 0 bits: not attainable, and " + Bound.NOT_THIS_PLAN
            : same ? "" : OTHER_SPLIT);
  }

  private static Outcome uniformSplit(Setting s) {
    boolean same = true;
    double sum = 0;
    for (Run run : s.runs()) {
      double[] bits = new double[run.nodes()];
      Arrays.fill(bits, total(run) / run.nodes());
      same &= same(bits, run.bits());
      sum += run.share() * FpldBound.bandwidth(run.clips(), bits);
    }
    return new Outcome(sum, same ? "" : OTHER_SPLIT);
  }

  /** Whether two splits are one but for rounding. */
  private static boolean same(double[] bits, double[] others) {
    for (int i = 0; i < bits.length; i++) {
      if (Math.abs(bits[i] - others[i]) > 1e-9) {
        return false;
      }
    }
    return true;
  }

  // ---- a split by estimated weights ----

  private static void warmUp() {
    Set<Input> moment = EnumSet.of(Input.W_MIN, Input.DELTA);
    Set<Input> momentPaper = EnumSet.of(Input.W_MIN, Input.DELTA, Input.WARM_UP);
    Set<Input> sizes = EnumSet.of(Input.W_MIN, Input.DELTA, Input.EXCESS);
    List<String> hoeffding =
        List.of(
            "probes drawn independently; logits do not change during the warm-up",
            "probability 1 - delta, all nodes at once");
    String square = "L'^2 = (L + step/2)^2, the largest over nodes";
    addAnyLaw(
        new Names(
            "B.9", "error of the warm-up's moments", "P2 Lemma B.9, with m for mT0", "6.3, 9.7"),
        Kind.RELATIVE_ERROR,
        "e = (L'^2/w_min) sqrt(log(2K/delta)/(2m)), " + square,
        plus(hoeffding, "rounds over the same probes count once"),
        moment,
        s -> just(epsilon(s, s.probes())));
    addAnyLaw(
        new Names("B.9-paper", "the same as printed", "P2 Lemma B.9", "6.3, 9.7"),
        Kind.RELATIVE_ERROR,
        "e = (L'^2/w_min) sqrt(log(2K/delta)/(2 m T0)), " + square,
        plus(hoeffding, "probes drawn anew in each of T0 rounds; of the same probes it is wrong"),
        momentPaper,
        s -> just(epsilon(s, redrawn(s))));
    addAnyLaw(
        new Names("P2-5.6", "price of estimated weights", "P2 Corollary 5.6, sharp", "6.2"),
        Kind.PRICE,
        "S((1+e)/(1-e)), Specht's ratio, e of B.9: about 1 + e^2/2",
        plus(hoeffding, "no floor or cap binds"),
        moment,
        s -> just(SplitCertificate.sharp(epsilon(s, s.probes()))));
    addAnyLaw(
        new Names("B.8", "price, whatever the feasible set", "P2 Lemma B.8", "6.2"),
        Kind.PRICE,
        "(1+e)/(1-e), e of B.9",
        plus(hoeffding, "floors, caps or whole bits as they may be"),
        moment,
        s -> just(SplitCertificate.lemma(epsilon(s, s.probes()))));
    addAnyLaw(
        new Names(
            "P2-5.6-paper",
            "price of estimated weights as printed",
            "P2 Corollary 5.6",
            "6.2, 9.8"),
        Kind.PRICE,
        "1 + 4e for e at most 1/2, e of B.9-paper",
        plus(hoeffding, "probes drawn anew in each of T0 rounds"),
        momentPaper,
        s -> just(SplitCertificate.linear(epsilon(s, redrawn(s)))));
    String needed = "n counts probes, or probes times rounds if they are redrawn";
    addAnyLaw(
        new Names("P2-5.6-samples", "probes for an excess, sharp", "ours", "6.4"),
        Kind.SAMPLES,
        "0.32 (L'^2/w_min)^2 log(2K/delta)/excess, and at least 2 (L'^2/w_min)^2 log(2K/delta)",
        plus(hoeffding, "no floor or cap binds", needed),
        sizes,
        s ->
            just(
                MomentBound.samplesSharp(
                    ratio(s), s.nodes(), s.at(Input.DELTA), s.at(Input.EXCESS))));
    addAnyLaw(
        new Names(
            "P2-5.6-samples-paper", "probes for an excess, as printed", "P2 Corollary 5.6", "6.4"),
        Kind.SAMPLES,
        "8 (L'^2/w_min)^2 log(2K/delta)/excess^2, and at least 2 (L'^2/w_min)^2 log(2K/delta)",
        plus(hoeffding, needed),
        sizes,
        s ->
            just(
                MomentBound.samplesLinear(
                    ratio(s), s.nodes(), s.at(Input.DELTA), s.at(Input.EXCESS))));
    Set<Input> bernstein = EnumSet.copyOf(sizes);
    bernstein.add(Input.BLOCK_VARIANCE);
    addAnyLaw(
        new Names(
            "P2-5.6-samples-bernstein", "probes for an excess, by the variance", "ours", "6.4"),
        Kind.SAMPLES,
        "least n with sqrt(2v log(4K/delta)/n) + 7 L'^2 log(4K/delta)/(3(n-1)) at most e w_min, e ="
            + " min(1/2, sqrt(excess/0.64))",
        plus(hoeffding, "v = --block-variance or less", "no floor or cap binds", needed),
        bernstein,
        s ->
            just(
                MomentBound.samplesBernstein(
                    s.at(Input.BLOCK_VARIANCE),
                    range(s),
                    s.nodes(),
                    s.at(Input.DELTA),
                    Math.min(0.5, Math.sqrt(s.at(Input.EXCESS) / 0.64)) * s.at(Input.W_MIN))));
  }

  /** L'², the largest over nodes, logits². */
  private static double range(Setting s) {
    return s.most(
        run -> {
          double[] steps = largestSteps(run);
          double most = 0;
          for (int i = 0; i < steps.length; i++) {
            most = Math.max(most, MomentBound.range(run.clips()[i], steps[i]));
          }
          return most;
        });
  }

  private static double ratio(Setting s) {
    return range(s) / s.at(Input.W_MIN);
  }

  private static double epsilon(Setting s, long samples) {
    return MomentBound.relative(
        MomentBound.hoeffding(range(s), s.nodes(), samples, s.at(Input.DELTA)), s.at(Input.W_MIN));
  }

  private static long redrawn(Setting s) {
    return MomentBound.effectiveSamples(
        s.probes(), s.wholeAt(Input.WARM_UP), MomentBound.Probes.REDRAWN);
  }

  // ---- coverage ----

  private static void coverage() {
    Set<Input> calibration = EnumSet.of(Input.ALPHA, Input.N_CAL);
    Set<Input> federated =
        EnumSet.of(Input.F_MAX, Input.DELTA, Input.CONCENTRATION, Input.N_CAL, Input.PHI);
    Set<Input> channel = EnumSet.of(Input.F_MAX, Input.SCORE_BITS, Input.SCORE_RANGE);
    Set<Input> both = EnumSet.copyOf(federated);
    both.addAll(channel);
    both.add(Input.ALPHA);
    Set<Input> size = EnumSet.copyOf(both);
    size.add(Input.CANDIDATES);
    Set<Input> train = EnumSet.of(Input.F_MAX);
    Set<Input> chain = EnumSet.copyOf(both);
    chain.addAll(train);
    List<String> theorem =
        List.of(
            SCORES,
            "the summary's quantile within t but for 2 exp(-c n t^2), and phi (B4); phi is a"
                + " distance here (THEORY 9.15)",
            "calibrated on scores that did not go through the channel (B3)",
            "probability 1 - delta over calibration sets");
    addAlways(
        new Names("coverage", "calibrated through the same channel", "ours", "7.5, 7.7"),
        Kind.COVERAGE,
        "k/(n+1), k = ceil((1-alpha)(n+1)): at least 1 - alpha, for every budget",
        List.of("calibration and test scores exchangeable; exact without ties"),
        calibration,
        s ->
            new Outcome(
                CoverageBound.sameChannel(s.alpha(), s.countAt(Input.N_CAL)),
                ConformalRank.isFinite(s.alpha(), s.countAt(Input.N_CAL))
                    ? ""
                    : "too few scores: every set is the whole list"));
    addAlways(
        new Names("P1-FL", "slack of the federated quantile", "P1 Theorem 5.5", "7.4"),
        Kind.SLACK,
        "f_max (sqrt(log(2/delta)/(c n)) + phi)",
        theorem,
        federated,
        s -> just(federated(s).federated()));
    addAlways(
        new Names("P1-RAG", "slack of the score channel", "P1 Theorem 5.5", "7.4"),
        Kind.SLACK,
        "f_max sqrt(v/K), v = step^2/12 of a score",
        theorem,
        channel,
        s -> just(scoreChannel(SlackTerms.NONE, s).channel()));
    addAlways(
        new Names("P1-5.5", "coverage across the channel", "P1 Theorem 5.5", "7.4"),
        Kind.COVERAGE,
        "1 - alpha - 1/(n+1) - P1-FL - P1-RAG",
        theorem,
        both,
        s -> just(scoreChannel(federated(s), s).rawLowerBound(s.alpha(), s.countAt(Input.N_CAL))));
    addAlways(
        new Names("P1-5.6", "what an error of the threshold costs", "P1 Lemma 5.6", "7.4"),
        Kind.SLACK,
        "f_max |q - q*|",
        List.of(SCORES),
        EnumSet.of(Input.F_MAX, Input.QUANTILE_ERROR),
        s -> just(CoverageBound.quantile(s.at(Input.F_MAX), s.at(Input.QUANTILE_ERROR))));
    addAlways(
        new Names("P1-5.7", "size of sets", "P1 Corollary 5.7", "7.4, 9.15"),
        Kind.SET_SIZE,
        "|Y| (1 - alpha + 1/(n+1) + P1-FL + P1-RAG)",
        plus(theorem, "a wrong answer scores no lower than the right one (B6); no ties"),
        size,
        s ->
            just(
                CoverageBound.setSize(
                    s.countAt(Input.CANDIDATES),
                    s.alpha(),
                    s.countAt(Input.N_CAL),
                    scoreChannel(federated(s), s))));
    List<String> trained =
        List.of(
            SCORES,
            "of the same density given the score's change (B5')",
            "KL is --mean-kl, or the bound 'risk' where its inputs are given");
    addAlways(
        new Names("P1-train", "slack of the student", "P1 Corollary 6.8", "7.4"),
        Kind.SLACK,
        "f_max (KL + sqrt(2 KL))",
        trained,
        train,
        s -> trained(SlackTerms.NONE, s, SlackTerms::training));
    addAlways(
        new Names("P1-6.8", "coverage of the whole chain", "P1 Corollary 6.8", "7.4"),
        Kind.COVERAGE,
        "1 - alpha - 1/(n+1) - P1-FL - P1-RAG - P1-train",
        plus(theorem, trained.get(1), trained.get(2)),
        chain,
        s ->
            trained(
                scoreChannel(federated(s), s),
                s,
                slack -> slack.rawLowerBound(s.alpha(), s.countAt(Input.N_CAL))));
  }

  private static SlackTerms federated(Setting s) {
    return SlackTerms.NONE.withFederated(
        s.at(Input.F_MAX),
        s.at(Input.DELTA),
        s.at(Input.CONCENTRATION),
        s.countAt(Input.N_CAL),
        s.at(Input.PHI));
  }

  private static SlackTerms scoreChannel(SlackTerms slack, Setting s) {
    double[] variances = new double[s.nodes()];
    Arrays.fill(
        variances, CoverageBound.scoreVariance(s.at(Input.SCORE_RANGE), s.at(Input.SCORE_BITS)));
    return slack.withChannel(s.at(Input.F_MAX), variances);
  }

  private static Outcome trained(SlackTerms slack, Setting s, ToDoubleFunction<SlackTerms> value) {
    if (s.knows(Input.MEAN_KL)) {
      return just(value.applyAsDouble(slack.withTraining(s.at(Input.F_MAX), s.at(Input.MEAN_KL))));
    }
    OptionalDouble risk = of("risk").orElseThrow().in(s).value();
    return risk.isPresent()
        ? new Outcome(
            value.applyAsDouble(slack.withTraining(s.at(Input.F_MAX), risk.getAsDouble())),
            "KL by the bound 'risk', "
                + String.format(Locale.ROOT, "%.4g", risk.getAsDouble())
                + " nats")
        : Outcome.none("needs --mean-kl, or what 'risk' needs");
  }

  // ---- helpers ----

  private static double[] largestSteps(Run run) {
    double[] steps = new double[run.nodes()];
    for (int i = 0; i < steps.length; i++) {
      StepLaw law = run.laws().get(i);
      steps[i] = law.width(0, run.clips()[i]);
    }
    return steps;
  }

  private static Outcome just(double value) {
    return new Outcome(value, "");
  }

  private static List<String> plus(List<String> some, String... more) {
    List<String> all = new ArrayList<>(some);
    all.addAll(List.of(more));
    return List.copyOf(all);
  }

  /** Of the channel as it is, with its error law. */
  private static void add(
      Names names,
      Kind kind,
      String formula,
      List<String> assumptions,
      Set<Input> needs,
      Formula value) {
    ALL.add(new Bound(names, kind, formula, assumptions, needs, true, true, Steps.PLANNED, value));
  }

  /** Of the channel as it is, with or without an error law. */
  private static void addAnyLaw(
      Names names,
      Kind kind,
      String formula,
      List<String> assumptions,
      Set<Input> needs,
      Formula value) {
    ALL.add(new Bound(names, kind, formula, assumptions, needs, true, false, Steps.PLANNED, value));
  }

  /** Of a divergence, or of what splits come to, by the papers' steps and law of errors. */
  private static void model(
      Names names,
      Kind kind,
      String formula,
      List<String> assumptions,
      Set<Input> needs,
      Formula value) {
    ALL.add(new Bound(names, kind, formula, assumptions, needs, true, true, Steps.MODEL, value));
  }

  /** Of a divergence, by steps of whole symbols in every round. */
  private static void symbols(
      Names names, String formula, List<String> assumptions, Set<Input> needs, Formula value) {
    ALL.add(
        new Bound(
            names,
            Kind.BANDWIDTH_ABOVE,
            formula,
            assumptions,
            needs,
            true,
            true,
            Steps.SYMBOLS,
            value));
  }

  /** Of no clip. */
  private static void addAlways(
      Names names,
      Kind kind,
      String formula,
      List<String> assumptions,
      Set<Input> needs,
      Formula value) {
    ALL.add(
        new Bound(names, kind, formula, assumptions, needs, false, false, Steps.PLANNED, value));
  }

  private static void addAlways(
      Names names, Kind kind, String formula, List<String> assumptions, Formula value) {
    addAlways(names, kind, formula, assumptions, Set.of(), value);
  }
}
