package dev.sluice.runners;

import dev.sluice.schemas.AllocatedNode;
import dev.sluice.schemas.Allocation;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Predicted;
import dev.sluice.transforms.allocation.Distortion;
import dev.sluice.transforms.allocation.Levels;
import dev.sluice.transforms.allocation.PlugInSplit;
import dev.sluice.transforms.allocation.PlugInSplit.Portions;
import dev.sluice.transforms.allocation.PlugInSplit.Split;
import dev.sluice.transforms.allocation.Policy;
import dev.sluice.transforms.allocation.Weighting;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleFunction;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * What is divided, how, and for whom; the rest of the allocation follows.
 *
 * @param allocation as far as it is known before anything is divided
 * @param source where its weights come from, for messages
 * @param solve divides a budget
 * @param leastTotal the smallest budget that can be divided
 * @param mostTotal from here on nobody gets more
 * @param sharing nodes among which it is divided
 */
record AllocationTask(
    Allocation allocation,
    String source,
    DoubleFunction<Split> solve,
    double leastTotal,
    double mostTotal,
    int sharing) {
  /** Value of the document's field 'format'. */
  static final String FORMAT = "sluice-allocation-1";

  /**
   * What is asked of a division, as the command line of {@code sluice allocate} has it.
   *
   * @param total the sum over nodes of bits per coordinate
   * @param floor null: 1
   * @param cap null: 16
   * @param delta null: 0.05
   */
  record Terms(
      double total,
      Policy policy,
      Portions portions,
      Weighting weighting,
      WarmUp.Clips clips,
      WarmUp.Estimate estimate,
      Double floor,
      String cap,
      Double delta) {
    /**
     * Checks what can be checked before a warm-up is read.
     *
     * @param usage refuses a value that cannot be meant; its message begins with the option
     */
    void check(Function<String, RuntimeException> usage) {
      if (!(total >= 0 && total < Double.POSITIVE_INFINITY)) {
        throw usage.apply(
            "--total-bits-per-coordinate: found " + total + ", expected a number, at least 0");
      }
      if (floor != null && !isBitsOrNone(floor)) {
        throw usage.apply("--floor: found " + floor + ", expected 0 or 1 to " + Levels.MAX_BITS);
      }
      if (delta != null && !(delta > 0 && delta < 1)) {
        throw usage.apply("--delta: found " + delta + ", expected a number between 0 and 1");
      }
      if (weighting != Weighting.SECOND_MOMENT) {
        if (estimate == WarmUp.Estimate.RAW) {
          throw usage.apply("--raw is for --weights second-moment; clip levels are known");
        }
        if (delta != null) {
          throw usage.apply("--delta is for --weights second-moment; clip levels are known");
        }
      }
    }
  }

  /** Clip levels by their name on the command line; null: those of the range. */
  static WarmUp.Clips clips(String name) {
    if (name == null || name.equals("range")) {
      return WarmUp.Clips.RANGE;
    }
    if (name.equals("plan")) {
      return WarmUp.Clips.PLAN;
    }
    throw new IllegalArgumentException("found '" + name + "', expected 'range' or 'plan'");
  }

  private static boolean isBitsOrNone(double bits) {
    return bits == 0 || (bits >= 1 && bits <= Levels.MAX_BITS);
  }

  /** The division of a total, written into the allocation. */
  Allocation finished(double total) throws BadInputException {
    try {
      finish(allocation, solve.apply(total));
    } catch (IllegalArgumentException e) {
      throw new BadInputException(source + ": " + e.getMessage(), e);
    }
    return allocation;
  }

  // ---- from a warm-up ----

  /**
   * Divides among the nodes of a warm-up.
   *
   * @param usage refuses a value that cannot be meant of this warm-up
   * @throws IOException if the warm-up lacks what is needed
   */
  static AllocationTask of(WarmUp warmUp, Terms terms, Function<String, RuntimeException> usage)
      throws IOException {
    PlannedRound planned = warmUp.first();
    String clipPolicy = planned.plan().getClip().getPolicy();
    if (terms.clips() == WarmUp.Clips.PLAN && !clipPolicy.equals("fixed")) {
      throw usage.apply(
          "--clips plan: " + warmUp.source() + " has clip policy '" + clipPolicy + "', no levels");
    }
    double least = terms.floor() == null ? 1 : terms.floor();
    Double[] caps = caps(warmUp, terms.cap(), least, usage);
    int nodes = planned.nodes().size();
    int[] among =
        IntStream.range(0, nodes)
            .filter(i -> warmUp.spoke(i) && (caps[i] == null || caps[i] > 0))
            .toArray();
    if (among.length == 0) {
      throw usage.apply(
          "--cap leaves every node out that had bits in round '" + warmUp.ids() + "'");
    }
    for (int i : among) {
      warmUp.checkKnown(i);
    }
    try {
      return of(warmUp, terms, among, least, caps);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(warmUp.source() + ": " + e.getMessage(), e);
    }
  }

  private static AllocationTask of(
      WarmUp warmUp, Terms terms, int[] among, double least, Double[] caps) {
    PlannedRound planned = warmUp.first();
    double[] levels =
        Arrays.stream(among).mapToDouble(i -> warmUp.clip(i, terms.clips())).toArray();
    double[] channel = Weighting.fromClips(levels);
    boolean estimated = terms.weighting() == Weighting.SECOND_MOMENT;
    double[] weights = estimated ? warmUp.secondMoments(among, terms.estimate()) : channel;
    double[] floors = new double[among.length];
    Arrays.fill(floors, least);
    double[] most =
        Arrays.stream(among)
            .mapToDouble(i -> caps[i] == null ? Double.POSITIVE_INFINITY : caps[i])
            .toArray();
    List<String> names =
        Arrays.stream(among).mapToObj(i -> planned.nodes().get(i).getName()).toList();
    PlugInSplit split =
        PlugInSplit.among(names, weights, floors, most)
            .withPolicy(terms.policy())
            .withPortions(terms.portions())
            .withDistortion(warmUp.distortion())
            .withSpread(warmUp.spread())
            .withOverhead(warmUp.clipBits())
            .withChannel(channel);
    Allocation allocation =
        begun(
            terms.policy(),
            terms.portions(),
            terms.total(),
            warmUp.distortion(),
            planned.vocabulary());
    allocation.setRound(warmUp.ids());
    allocation.setPlanDigest(warmUp.planDigests());
    allocation.setWeights(terms.weighting().label());
    if (estimated) {
      allocation.setCertificate(
          warmUp.certificate(
              among,
              terms.estimate(),
              terms.delta() == null ? 0.05 : terms.delta(),
              terms.policy() == Policy.WATER_FILLING,
              warmUp.distortion() == Distortion.MODEL && terms.portions() == Portions.FRACTIONAL));
    }
    int at = 0;
    for (int i = 0; i < planned.nodes().size(); i++) {
      AllocatedNode node = new AllocatedNode();
      node.setName(planned.nodes().get(i).getName());
      boolean sharing = at < among.length && among[at] == i;
      node.setWeight(sharing ? weights[at] : 0);
      node.setFloor(sharing ? least : 0);
      node.setCap(sharing ? caps[i] : Double.valueOf(0));
      node.setClip(sharing ? levels[at] : null);
      at += sharing ? 1 : 0;
      allocation.getNodes().add(node);
    }
    double lowest = 0;
    double highest = 0;
    double beside = warmUp.clipBits();
    for (int j = 0; j < among.length; j++) {
      // As they are added up where they must fit.
      lowest +=
          least == 0 ? 0 : Math.max(1, whole(terms.portions(), least - beside, true)) + beside;
      highest +=
          whole(terms.portions(), Math.min(Levels.MAX_BITS, most[j]) - beside, false) + beside;
    }
    return new AllocationTask(
        allocation,
        warmUp.source(),
        split::implementable,
        Math.max(1 + beside, lowest),
        highest,
        among.length);
  }

  /** The least or the most bits within a bound. */
  static double whole(Portions portions, double bits, boolean up) {
    return portions == Portions.FRACTIONAL ? bits : up ? Math.ceil(bits) : Math.floor(bits);
  }

  /** An allocation before anything is known of its nodes. */
  static Allocation begun(
      Policy policy, Portions portions, double total, Distortion distortion, int coordinates) {
    Allocation allocation = new Allocation();
    allocation.setFormat(FORMAT);
    allocation.setPolicy(policy.label());
    allocation.setDistortion(distortion.label());
    allocation.setInteger(portions == Portions.WHOLE);
    allocation.setVocabulary(coordinates);
    allocation.setTotalBitsPerCoordinate(total);
    allocation.setNodes(new ArrayList<>());
    return allocation;
  }

  /** [K] caps; null where none was given. */
  private static Double[] caps(
      WarmUp warmUp, String cap, double least, Function<String, RuntimeException> usage) {
    List<NodePlan> nodes = warmUp.first().nodes();
    Double[] caps = new Double[nodes.size()];
    if (cap == null) {
      return caps;
    }
    Map<String, Double> exceptions = new HashMap<>();
    Double common = null;
    for (String part : cap.split(",", -1)) {
      int equals = part.indexOf('=');
      double value = bits(part.substring(equals + 1), usage);
      if (value != 0 && value < least) {
        throw usage.apply(
            "--cap: found '" + part + "', expected 0 or at least the floor of " + least);
      }
      if (equals < 0) {
        if (common != null) {
          throw usage.apply("--cap has two common values: '" + cap + "'");
        }
        common = value;
        continue;
      }
      String name = part.substring(0, equals).strip();
      int node =
          warmUp
              .first()
              .indexOf(name)
              .orElseThrow(
                  () ->
                      usage.apply(
                          "--cap names '"
                              + name
                              + "', which is no node of "
                              + warmUp.source()
                              + "; it has "
                              + SluiceCommand.names(
                                  nodes.stream().map(NodePlan::getName).toList())));
      if (value > 0 && !warmUp.spoke(node)) {
        throw usage.apply(
            "--cap gives bits to '" + name + "', which had none in round '" + warmUp.ids() + "'");
      }
      if (exceptions.put(name, value) != null) {
        throw usage.apply("--cap names a node twice: '" + part + "'");
      }
    }
    for (int i = 0; i < caps.length; i++) {
      caps[i] = exceptions.getOrDefault(nodes.get(i).getName(), common);
    }
    return caps;
  }

  private static double bits(String text, Function<String, RuntimeException> usage) {
    try {
      double value = Double.parseDouble(text.strip());
      if (isBitsOrNone(value)) {
        return value;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw usage.apply(
        "--cap: found '"
            + text
            + "', expected 0 or 1 to "
            + Levels.MAX_BITS
            + " bits per coordinate");
  }

  private static void finish(Allocation allocation, Split split) {
    double[] bits = split.bits();
    double[] codeBits = split.codeBits();
    int at = 0;
    boolean shared = allocation.getRound() != null;
    for (AllocatedNode node : allocation.getNodes()) {
      boolean sharing = !shared || node.getClip() != null;
      double b = sharing ? codeBits[at] : 0;
      node.setBitsPerCoordinate(sharing ? bits[at++] : 0);
      node.setSymbols(b >= 1 && b <= Levels.MAX_BITS ? Levels.symbols(b) : null);
    }
    allocation.setSpentBitsPerCoordinate(split.spent());
    allocation.setPredicted(
        new Predicted(split.thisSplit(), known(split.uniform()), known(split.inverse())));
    allocation.setWaterLevel(known(split.waterLevel()));
  }

  /** A number, or null where there is none. */
  static Double known(double value) {
    return Double.isNaN(value) ? null : value;
  }
}
