package dev.sluice.transforms.bounds;

import dev.sluice.schemas.ActiveRange;
import dev.sluice.schemas.Certificate;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.NestedDigits;
import dev.sluice.transforms.channel.StepLaw;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.theory.KlBounds;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * What bounds are asked about: who sends how many bits of logits how wide, as planned or as it came
 * to, and the {@link Input}s that are known. Immutable.
 */
public final class Setting {
  /** More than the mean of equal clips is off by rounding. */
  private static final double SAME_CLIP = 1e-9;

  /** More than a mean of equal squared steps is off by rounding. */
  private static final double ROUNDING = 1e-9;

  /**
   * Probes averaged over the same nodes with the same steps.
   *
   * @param share of all probes; shares sum to 1
   * @param clips [K] of the nodes averaged, logits; empty where they are not known
   * @param bits [K], per coordinate, in all digit planes together
   * @param laws [K], the laws of their steps
   */
  record Run(double share, double[] clips, double[] bits, List<StepLaw> laws) {
    int nodes() {
      return bits.length;
    }

    /** The mean of the nodes' largest steps, logits. */
    double meanStep() {
      return KlBounds.meanStep(laws, clips);
    }
  }

  private final PlannedRound round;
  private final List<Run> runs;
  private final boolean clipsKnown;
  private final Optional<Certificate> certificate;
  private final Map<Input, Double> inputs;

  private Setting(
      PlannedRound round,
      List<Run> runs,
      boolean clipsKnown,
      Optional<Certificate> certificate,
      Map<Input, Double> inputs) {
    this.round = round;
    this.runs = List.copyOf(runs);
    this.clipsKnown = clipsKnown;
    this.certificate = certificate;
    this.inputs = new EnumMap<>(Input.class);
    inputs.forEach(
        (input, value) -> {
          if (!input.allows(value, round.vocabulary())) {
            throw new IllegalArgumentException(
                input.option()
                    + ": found "
                    + value
                    + ", expected "
                    + input.range(round.vocabulary()));
          }
          this.inputs.put(input, value);
        });
  }

  /**
   * A plan of which every node will send every block.
   *
   * @param inputs each within its range
   */
  public static Setting of(PlannedRound round, Map<Input, Double> inputs) {
    boolean known = round.fixedClip(0).isPresent();
    List<Run> runs = new ArrayList<>();
    int last = round.blocks() - 1;
    double lastShare = round.probesIn(last) / (double) round.plan().getProbes();
    boolean alike = round.probesIn(0) == round.probesIn(last);
    if (!alike) {
      runs.add(planned(round, 0, 1 - lastShare));
    }
    runs.add(planned(round, last, alike ? 1 : lastShare));
    return new Setting(round, runs, known, Optional.empty(), inputs);
  }

  private static Run planned(PlannedRound round, int block, double share) {
    List<Integer> nodes = new ArrayList<>();
    List<Integer> planes = new ArrayList<>();
    for (int node = 0; node < round.nodes().size(); node++) {
      int sent = round.planes(node, block).size();
      if (sent > 0) {
        nodes.add(node);
        planes.add(sent);
      }
    }
    double[] clips =
        nodes.stream().mapToDouble(node -> round.fixedClip(node).orElse(Double.NaN)).toArray();
    return run(round, block, share, nodes, planes, clips);
  }

  private static Run run(
      PlannedRound round,
      int block,
      double share,
      List<Integer> nodes,
      List<Integer> planes,
      double[] clips) {
    List<StepLaw> laws = new ArrayList<>();
    double[] bits = new double[nodes.size()];
    for (int i = 0; i < bits.length; i++) {
      int node = nodes.get(i);
      List<BlockShape> shapes = round.planes(node, block).subList(0, planes.get(i));
      laws.add(NestedDigits.law(shapes));
      for (int plane = 0; plane < shapes.size(); plane++) {
        bits[i] += bits(round, node, plane);
      }
    }
    return new Run(share, clips, bits, laws);
  }

  private static double bits(PlannedRound round, int node, int plane) {
    List<Integer> earlier = round.earlierRounds(node);
    return plane < earlier.size()
        ? round.refined().get(earlier.get(plane)).getBitsPerCoordinate().get(node)
        : round.nodes().get(node).getBitsPerCoordinate();
  }

  /**
   * A round that is done: the nodes that were averaged, with the digits and clips that they sent.
   * Where a node's clips differ from probe to probe, no clips are known, and the certificate alone
   * speaks of them.
   *
   * @param inputs each within its range
   */
  public static Setting of(CommittedRound committed, Map<Input, Double> inputs)
      throws BadInputException {
    PlannedRound round = committed.round();
    Manifest manifest = committed.manifest();
    boolean known = true;
    double[] clips = new double[round.nodes().size()];
    for (int node = 0; node < clips.length; node++) {
      NodeAccount account = manifest.getNodes().get(node);
      clips[node] = round.fixedClip(node).orElse(account.getMaxClip());
      known &=
          account.getProbes() == 0
              || round.fixedClip(node).isPresent()
              || account.getMaxClip() - account.getMeanClip() <= SAME_CLIP * account.getMaxClip();
    }
    double probes = round.plan().getProbes();
    int last = round.blocks() - 1;
    List<Run> runs = new ArrayList<>();
    for (ActiveRange range : manifest.getActive()) {
      List<Integer> nodes = new ArrayList<>();
      for (String name : range.getNodes()) {
        nodes.add(
            round
                .indexOf(name)
                .orElseThrow(
                    () ->
                        new BadInputException(
                            committed.directory().manifest()
                                + ": found node '"
                                + name
                                + "' among the active ones, expected nodes of the plan")));
      }
      double[] theirs = nodes.stream().mapToDouble(node -> clips[node]).toArray();
      for (int node : nodes) {
        // A node of which this round averaged only earlier digits has no clip of its own here.
        known &= clips[node] > 0;
      }
      int end = range.getLastBlock() + 1;
      if (end == last + 1 && round.probesIn(last) != round.probesIn(0)) {
        runs.add(run(round, last, round.probesIn(last) / probes, nodes, range.getPlanes(), theirs));
        end = last;
      }
      if (end > range.getFirstBlock()) {
        double share =
            (round.firstProbe(end - 1)
                    + round.probesIn(end - 1)
                    - round.firstProbe(range.getFirstBlock()))
                / probes;
        runs.add(run(round, range.getFirstBlock(), share, nodes, range.getPlanes(), theirs));
      }
    }
    return new Setting(round, runs, known, Optional.of(manifest.getCertificate()), inputs);
  }

  /**
   * The same with clip levels supposed, for a plan whose clips follow the data.
   *
   * @param clips of the plan's nodes that have bits, in its order, in (0, 2^19] logits
   * @throws IllegalArgumentException if there are not as many
   */
  public Setting withClips(double[] clips) {
    List<Run> supposed = new ArrayList<>();
    for (Run run : runs) {
      if (run.nodes() != clips.length) {
        throw new IllegalArgumentException(
            "found "
                + clips.length
                + " clip levels, expected one for each of "
                + run.nodes()
                + " nodes with bits");
      }
      supposed.add(new Run(run.share(), clips.clone(), run.bits(), run.laws()));
    }
    return new Setting(round, supposed, true, certificate, inputs);
  }

  /** The plan. */
  public PlannedRound round() {
    return round;
  }

  /** The certificate of a round that is done. */
  public Optional<Certificate> certificate() {
    return certificate;
  }

  /** What else is known. */
  public Map<Input, Double> inputs() {
    return Map.copyOf(inputs);
  }

  /** Whether every node has one clip level, and it is known. */
  public boolean clipsKnown() {
    return clipsKnown;
  }

  /** Whether errors follow the uniform law. */
  public boolean dithered() {
    return round.quantizer().isDithered();
  }

  /** Most nodes that are averaged. */
  public int nodes() {
    return runs.stream().mapToInt(Run::nodes).max().orElseThrow();
  }

  boolean knows(Input input) {
    return inputs.containsKey(input);
  }

  double at(Input input) {
    return inputs.get(input);
  }

  int wholeAt(Input input) {
    return (int) Math.min(Integer.MAX_VALUE, at(input));
  }

  long countAt(Input input) {
    return (long) at(input);
  }

  int vocabulary() {
    return round.vocabulary();
  }

  long probes() {
    return round.plan().getProbes();
  }

  Alpha alpha() {
    return Alpha.of(BigDecimal.valueOf(at(Input.ALPHA)).toPlainString());
  }

  List<Run> runs() {
    return runs;
  }

  /** The mean over probes of what depends on the nodes averaged. */
  double mean(ToDoubleFunction<Run> value) {
    double sum = 0;
    for (Run run : runs) {
      sum += run.share() * value.applyAsDouble(run);
    }
    return sum;
  }

  /** The largest over probes. */
  double most(ToDoubleFunction<Run> value) {
    return runs.stream().mapToDouble(value).max().orElseThrow();
  }

  /** Whether all nodes have one clip and one budget. */
  boolean homogeneous() {
    return runs.stream()
        .allMatch(
            run ->
                Arrays.stream(run.clips()).distinct().count() == 1
                    && Arrays.stream(run.bits()).distinct().count() == 1);
  }

  /** Whether all nodes have one clip and one number of symbols, ⌊2^b⌋. */
  boolean oneChannel() {
    return runs.stream().flatMapToDouble(run -> Arrays.stream(run.clips())).distinct().count() == 1
        && runs.stream()
                .flatMapToDouble(run -> Arrays.stream(run.bits()))
                .mapToInt(Bound.Steps::symbols)
                .distinct()
                .count()
            == 1;
  }

  /** Whether no node's mean squared step is above a convention's. */
  boolean attains(Bound.Steps steps) {
    return runs.stream()
        .allMatch(
            run ->
                IntStream.range(0, run.nodes())
                    .allMatch(
                        i -> {
                          double width = steps.width(run.bits()[i]);
                          return run.laws().get(i).meanSquare() <= width * width * (1 + ROUNDING);
                        }));
  }

  /** Whether every coordinate of a node has the same step. */
  boolean oneStep() {
    return runs.stream().allMatch(run -> run.laws().stream().allMatch(law -> law.atoms() == 1));
  }
}
