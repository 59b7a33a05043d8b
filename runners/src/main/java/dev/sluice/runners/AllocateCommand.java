package dev.sluice.runners;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.sluice.schemas.AllocatedNode;
import dev.sluice.schemas.Allocation;
import dev.sluice.schemas.MomentCertificate;
import dev.sluice.schemas.Predicted;
import dev.sluice.schemas.WeightedNode;
import dev.sluice.schemas.WeightsFile;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.allocation.Distortion;
import dev.sluice.transforms.allocation.Levels;
import dev.sluice.transforms.allocation.MomentBound;
import dev.sluice.transforms.allocation.PlugInSplit;
import dev.sluice.transforms.allocation.PlugInSplit.Portions;
import dev.sluice.transforms.allocation.PlugInSplit.Split;
import dev.sluice.transforms.allocation.Policy;
import dev.sluice.transforms.allocation.Weighting;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code sluice allocate}. */
@Command(
    name = "allocate",
    description = {
      "Divides a budget of bits among nodes, and predicts what that buys.",
      "",
      "With --round: for the next round's plan, from what a warm-up round says about its nodes."
          + " Every node gets 1 to 16 bits per coordinate, or none and is then missing from the"
          + " mean; the optimum is that of the quantiser as built.",
      "",
      "With --weights-file: the published calculation, from weights alone. Bits are any numbers >="
          + " 0, a node's distortion is w*4^-b, and all nodes are in the mean: one without bits"
          + " counts as noise of variance w, which no decoder has (it is fictitious). With"
          + " --integer, bits are whole, at least 1 for every node whose cap is not 0, and the"
          + " distortion is the built quantiser's, w/(N-1)^2 with N = 2^b symbols.",
      "",
      "Predicted is the bandwidth term 1/2 sigma^2 in nats, an upper bound on the expected KL from"
          + " the unquantised teacher, for this split, the same bits for all (uniform), and bits in"
          + " inverse proportion to the weights (inverse)."
    },
    footer = {
      "",
      "A weights file: {\"nodes\": [{\"name\": \"n0\", \"weight\": 21.3, \"floor\": 1, \"cap\": 8},"
          + " ..]}, floor and cap in bits per coordinate and optional.",
      "",
      "Examples:",
      "  sluice allocate --round rounds/warmup --total-bits-per-coordinate 16 --out"
          + " allocation.json",
      "  sluice allocate --weights-file w.json --vocab 32000 --total-bits-per-coordinate 16"
    })
final class AllocateCommand extends SluiceCommand {
  private static final int BAR_WIDTH = 24;

  /** Rows of a curve between its ends, about. */
  private static final int CURVE_STEPS = 21;

  @Option(
      names = "--round",
      split = ",",
      paramLabel = "DIR",
      description = "Committed warm-up rounds, over the same nodes; their moments are averaged.")
  private List<String> rounds;

  @Option(
      names = "--weights-file",
      paramLabel = "FILE",
      description = "Weights of nodes, JSON, instead of a round.")
  private String weightsFile;

  @Option(
      names = "--total-bits-per-coordinate",
      required = true,
      paramLabel = "R",
      description =
          "The budget: the sum over nodes of bits per coordinate. 16 is 4 bits for each of 4 nodes."
              + " As in a plan, a node's bits, its floor and its cap include the 16 bits a probe of"
              + " clip policy 'probe'; its code then has 16/V bits per coordinate less.")
  private double total;

  @Option(
      names = "--vocab",
      paramLabel = "V",
      description =
          "With --weights-file: logits per probe, 2 to 1048576. A node gets floor(b*V) bits a"
              + " probe.")
  private Integer vocabulary;

  @Option(
      names = "--floor",
      paramLabel = "b",
      description =
          "With --round: least bits per coordinate of a node, 1 to 16, or 0: nodes may be left out"
              + " where the budget does more for the others, by the estimated variance of a logit"
              + " between nodes. Default: 1.")
  private Double floor;

  @Option(
      names = "--cap",
      paramLabel = "b|n=b,..",
      description =
          "With --round: most bits per coordinate of a node, 1 to 16, or 0, which leaves it out;"
              + " for all nodes, by node, or both, as in 8,n2=0. Default: 16.")
  private String cap;

  @Option(
      names = "--policy",
      paramLabel = "water-filling|uniform|inverse|inverse-tilt",
      defaultValue = "water-filling",
      description =
          "water-filling: the optimum. The others are baselines. Default: ${DEFAULT-VALUE}.")
  private String policyName;

  @Option(
      names = "--weights",
      paramLabel = "clip|second-moment",
      description =
          "With --round: a node's weight. clip: L^2/3, by which its error scales. second-moment:"
              + " that of its logits, as the published rule has it. Predictions are of the"
              + " clips either way. Default: clip.")
  private String weightsName;

  @Option(
      names = "--clips",
      paramLabel = "range|plan",
      description =
          "With --round, where its clip levels are fixed. range: as far as the node's logits"
              + " reached, and half a step, within its level; its level where any was clipped."
              + " plan: its level. Default: range.")
  private String clipsName;

  @Option(
      names = "--raw",
      description =
          "With --weights second-moment: as published, with the dither's variance, which is known"
              + " and subtracted otherwise.")
  private boolean raw;

  @Option(
      names = "--integer",
      description =
          "Whole bits per coordinate, beside those of clip policy 'probe'. What baselines leave by"
              + " that goes one bit to a node, where most was cut off.")
  private boolean integer;

  @Option(
      names = "--delta",
      paramLabel = "d",
      description =
          "With --weights second-moment: chance, over the probes, that a bound on the estimates"
              + " fails. Default: 0.05.")
  private Double delta;

  @Option(
      names = "--redrawn",
      description =
          "The rounds had probes of their own each: samples add up. Otherwise the probes are taken"
              + " to be the same, and more rounds are no more samples.")
  private boolean redrawn;

  @Option(
      names = "--curve",
      description = "Print predictions for budgets from the least to the most, instead.")
  private boolean curve;

  @Option(names = "--json", description = "Print one JSON document and nothing else.")
  private boolean json;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Write the allocation there; optional with --weights-file, --json or --curve.")
  private String out;

  private Policy policy;

  @Override
  public Integer call() throws IOException {
    checkUsage();
    AllocationTask task = weightsFile == null ? fromRounds() : fromFile();
    Allocation allocation = task.finished(total);
    byte[] document = PlainJson.write(allocation);
    if (out != null) {
      String file = Locations.of(out);
      if (Locations.isLocalDirectory(file)) {
        throw new BadInputException(file + ": a directory, expected a file");
      }
      if (Storage.find(file).isPresent()
          && !InspectCommand.hasFormat(file, AllocationTask.FORMAT)) {
        throw new BadInputException(
            file + ": a file is there that is no allocation; it is not overwritten");
      }
      Storage.replace(file, document);
    }
    if (curve) {
      printCurve(task);
    } else if (json) {
      out().print(new String(document, StandardCharsets.UTF_8));
    } else {
      out().print(forPeople(allocation));
      if (out != null) {
        out().println("written to " + Locations.of(out));
      }
    }
    return ExitCodes.OK;
  }

  // ---- the command line ----

  private void checkUsage() {
    policy = of("--policy", Policy::of, policyName);
    if ((rounds == null) == (weightsFile == null)) {
      throw usage("one of --round and --weights-file must say where weights come from");
    }
    if (!(total >= 0 && total < Double.POSITIVE_INFINITY)) {
      throw usage(
          "--total-bits-per-coordinate: found " + total + ", expected a number, at least 0");
    }
    if (weightsFile != null) {
      refuseWithFile("--floor", floor != null, "; the file has a floor for each node");
      refuseWithFile("--cap", cap != null, "; the file has a cap for each node");
      refuseWithFile("--weights", weightsName != null, "");
      refuseWithFile("--clips", clipsName != null, "");
      refuseWithFile("--raw", raw, "");
      refuseWithFile("--delta", delta != null, "");
      refuseWithFile("--redrawn", redrawn, "");
      if (vocabulary == null) {
        throw usage("--vocab is needed with --weights-file: bits a probe are floor(b*V)");
      }
      if (vocabulary < 2 || vocabulary > PlannedRound.MAX_VOCABULARY) {
        throw usage(
            "--vocab: found " + vocabulary + ", expected 2 to " + PlannedRound.MAX_VOCABULARY);
      }
      return;
    }
    if (vocabulary != null) {
      throw usage("--vocab: the plan of --round says what V is");
    }
    terms().check(this::usage);
    if (out == null && !json && !curve) {
      throw usage("--out FILE is needed with --round, or --json or --curve");
    }
  }

  private void refuseWithFile(String option, boolean given, String why) {
    if (given) {
      throw usage(option + " is for --round, not for --weights-file" + why);
    }
  }

  private <T> T of(String option, Function<String, T> parse, String text) {
    try {
      return parse.apply(text);
    } catch (IllegalArgumentException e) {
      throw usage(option + ": " + e.getMessage());
    }
  }

  private AllocationTask.Terms terms() {
    return new AllocationTask.Terms(
        total,
        policy,
        portions(),
        weightsName == null ? Weighting.CLIP : of("--weights", Weighting::of, weightsName),
        of("--clips", AllocationTask::clips, clipsName),
        raw ? WarmUp.Estimate.RAW : WarmUp.Estimate.DEBIASED,
        floor,
        cap,
        delta);
  }

  private Portions portions() {
    return integer ? Portions.WHOLE : Portions.FRACTIONAL;
  }

  private AllocationTask fromRounds() throws IOException {
    List<RoundDirectory> directories = new ArrayList<>();
    for (String typed : rounds) {
      directories.add(Locations.round(typed));
    }
    WarmUp warmUp =
        WarmUp.of(directories, redrawn ? MomentBound.Probes.REDRAWN : MomentBound.Probes.FIXED);
    return AllocationTask.of(warmUp, terms(), this::usage);
  }

  // ---- from a file ----

  private AllocationTask fromFile() throws IOException {
    String file = Locations.existing(weightsFile).resourceId().toString();
    WeightsFile weights =
        PlainJson.read(
            WeightsFile.class,
            WeightsFile.getClassSchema(),
            Storage.read(file, PlainJson.MAX_BYTES),
            file);
    List<WeightedNode> given = weights.getNodes();
    int nodes = given.size();
    if (nodes == 0) {
      throw new BadInputException(file + ": field 'nodes': found none, expected at least one node");
    }
    Allocation allocation =
        AllocationTask.begun(
            policy, portions(), total, integer ? Distortion.SHRUNK : Distortion.MODEL, vocabulary);
    allocation.setWeights("file");
    List<String> names = new ArrayList<>(nodes);
    double[] w = new double[nodes];
    double[] floors = new double[nodes];
    double[] caps = new double[nodes];
    double lowest = 0;
    double highest = 0;
    Map<String, Integer> indices = new HashMap<>();
    for (int i = 0; i < nodes; i++) {
      WeightedNode node = given.get(i);
      check(file, i, node, indices);
      names.add(node.getName());
      w[i] = node.getWeight();
      floors[i] = node.getFloor() == null ? 0 : node.getFloor();
      caps[i] = node.getCap() == null ? Double.POSITIVE_INFINITY : node.getCap();
      AllocatedNode allocated = new AllocatedNode();
      allocated.setName(node.getName());
      allocated.setWeight(w[i]);
      allocated.setFloor(floors[i]);
      allocated.setCap(node.getCap());
      allocation.getNodes().add(allocated);
      if (integer && floors[i] == 0 && caps[i] > 0) {
        floors[i] = Math.min(1, caps[i]); // nobody is left out but by a cap
      }
      lowest += AllocationTask.whole(portions(), floors[i], true);
      highest +=
          Math.max(
              floors[i],
              AllocationTask.whole(portions(), Math.min(Levels.MAX_BITS, caps[i]), false));
    }
    PlugInSplit split;
    try {
      split = PlugInSplit.among(names, w, floors, caps).withPolicy(policy).withPortions(portions());
    } catch (IllegalArgumentException e) {
      throw new BadInputException(file + ": " + e.getMessage(), e);
    }
    return new AllocationTask(
        allocation, file, integer ? split::implementable : split::formula, lowest, highest, nodes);
  }

  private static void check(String file, int i, WeightedNode node, Map<String, Integer> indices)
      throws BadInputException {
    String name = node.getName();
    if (!PlannedRound.isName(name)) {
      throw wrong(file, i, "name", null, "'" + name + "'", "1 to 64 of [A-Za-z0-9._-]");
    }
    Integer before = indices.putIfAbsent(name, i);
    if (before != null) {
      throw wrong(file, i, "name", null, name + ", also of nodes[" + before + "]", "unique names");
    }
    if (!(node.getWeight() > 0)) {
      throw wrong(file, i, "weight", name, "" + node.getWeight(), "a number above 0, in logits^2");
    }
    double floor = node.getFloor() == null ? 0 : node.getFloor();
    if (!(floor >= 0)) {
      throw wrong(file, i, "floor", name, "" + floor, "at least 0 bits per coordinate");
    }
    if (node.getCap() != null && !(node.getCap() >= floor)) {
      throw wrong(
          file,
          i,
          "cap",
          name,
          "" + node.getCap(),
          "at least the floor of " + floor + " bits per coordinate");
    }
  }

  private static BadInputException wrong(
      String file, int i, String field, String name, String found, String expected) {
    return new BadInputException(
        file
            + ": field 'nodes["
            + i
            + "]."
            + field
            + "'"
            + (name == null ? "" : " of node '" + name + "'")
            + ": found "
            + Texts.printable(found)
            + ", expected "
            + expected);
  }

  // ---- results ----

  private void printCurve(AllocationTask task) {
    TreeSet<Double> totals = new TreeSet<>();
    double step = task.sharing();
    double width = task.mostTotal() - task.leastTotal();
    while (step * CURVE_STEPS < width) {
      step *= 2;
    }
    while (width > 0 && step * CURVE_STEPS >= 2 * width) {
      step /= 2;
    }
    for (int j = 0; task.leastTotal() + j * step < task.mostTotal(); j++) {
      totals.add(task.leastTotal() + j * step);
    }
    totals.add(task.mostTotal());
    totals.add(total);
    ArrayNode list = JsonNodeFactory.instance.arrayNode();
    Texts.Table table =
        new Texts.Table(
            "total bits per coordinate", policy.label() + ", nats", "uniform", "inverse");
    for (double budget : totals) {
      Split split = task.solve().apply(budget);
      list.addObject()
          .put("totalBitsPerCoordinate", budget)
          .put("thisSplit", split.thisSplit())
          .put("uniform", AllocationTask.known(split.uniform()))
          .put("inverse", AllocationTask.known(split.inverse()));
      table.row(
          Texts.number(budget) + (budget == total ? " <" : ""),
          Texts.number(split.thisSplit()),
          Texts.number(AllocationTask.known(split.uniform())),
          Texts.number(AllocationTask.known(split.inverse())));
    }
    out()
        .print(json ? new String(PlainJson.write(list), StandardCharsets.UTF_8) : table.toString());
  }

  static String forPeople(Allocation allocation) {
    StringBuilder text = new StringBuilder();
    text.append("allocation  ")
        .append(Texts.printable(allocation.getPolicy()))
        .append(allocation.getInteger() ? " in whole bits" : "")
        .append(", ")
        .append(Texts.number(allocation.getSpentBitsPerCoordinate()))
        .append(" of ")
        .append(Texts.number(allocation.getTotalBitsPerCoordinate()))
        .append(" bits per coordinate spent; weights: ")
        .append(Texts.printable(allocation.getWeights()))
        .append(", distortion: ")
        .append(Texts.printable(allocation.getDistortion()))
        .append('\n');
    if (allocation.getRound() != null) {
      text.append("warm-up     ").append(Texts.printable(allocation.getRound())).append('\n');
    }
    double most =
        allocation.getNodes().stream()
            .mapToDouble(AllocatedNode::getBitsPerCoordinate)
            .max()
            .orElse(0);
    Texts.Table nodes =
        new Texts.Table("node", "weight", "bits/coord", "bits/probe", "symbols", "clip", "");
    int shown = 0;
    for (AllocatedNode node : allocation.getNodes()) {
      if (shown++ > Texts.Table.ROWS_SHOWN) {
        nodes.row(); // counted
        continue;
      }
      double b = node.getBitsPerCoordinate();
      nodes.row(
          node.getName(),
          node.getWeight() == 0 ? "-" : Texts.number(node.getWeight()),
          b == 0 && allocation.getRound() != null ? "silent" : Texts.number(b),
          Texts.number(Math.floor(b * allocation.getVocabulary())),
          node.getSymbols() == null ? "-" : "" + node.getSymbols(),
          Texts.number(node.getClip()),
          Texts.bar(b, most, BAR_WIDTH));
    }
    text.append('\n').append(nodes).append('\n');
    Predicted predicted = allocation.getPredicted();
    text.append("predicted   1/2 sigma^2 in nats, an upper bound on the expected KL\n")
        .append(
            new Texts.Table("", "nats", "of this split's")
                .row("this split", Texts.number(predicted.getThisSplit()), "1")
                .row(
                    "uniform",
                    Texts.number(predicted.getUniform()),
                    ratio(predicted.getUniform(), predicted))
                .row(
                    "inverse",
                    Texts.number(predicted.getInverse()),
                    ratio(predicted.getInverse(), predicted)));
    if (allocation.getWaterLevel() != null) {
      text.append("water level ")
          .append(Texts.number(allocation.getWaterLevel()))
          .append(" logits^2\n");
    }
    if (allocation.getCertificate() != null) {
      text.append('\n').append(forPeople(allocation.getCertificate()));
    }
    return text.toString();
  }

  private static String ratio(Double baseline, Predicted predicted) {
    return baseline == null ? "-" : Texts.number(baseline / predicted.getThisSplit());
  }

  private static String forPeople(MomentCertificate certificate) {
    String lemma =
        certificate.getLemma() == null
            ? "vacuous: nothing is certain of what estimated weights cost; the split may be fine\n"
            : "estimated weights cost at most a factor "
                + Texts.number(certificate.getLemma())
                + " in the weighted distortion that was minimised"
                + (certificate.getSharp() == null
                    ? ""
                    : ", " + Texts.number(certificate.getSharp()) + " where no bound binds")
                + "\n";
    return "certificate estimates of second moments, all nodes at once, with probability "
        + Texts.number(1 - certificate.getDelta())
        + ", "
        + Texts.count(certificate.getSamples(), "sample")
        + "\n"
        + new Texts.Table("bound", "half-width, logits^2", "relative", "")
            .row(
                "Hoeffding",
                Texts.number(certificate.getHoeffding()),
                Texts.number(certificate.getHoeffdingEpsilon()),
                certificate.getHoeffdingVerdict())
            .row(
                "empirical Bernstein",
                Texts.number(certificate.getBernstein()),
                Texts.number(certificate.getBernsteinEpsilon()),
                certificate.getBernsteinVerdict())
        + "  "
        + lemma;
  }
}
