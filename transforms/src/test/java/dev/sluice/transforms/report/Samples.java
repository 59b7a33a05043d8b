package dev.sluice.transforms.report;

import dev.sluice.schemas.AveragedVectors;
import dev.sluice.schemas.ComparedCell;
import dev.sluice.schemas.ComparedChannelInfo;
import dev.sluice.schemas.ComparedFile;
import dev.sluice.schemas.Comparison;
import dev.sluice.schemas.Perplexity;
import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.ReproductionCell;
import dev.sluice.schemas.SimulatedAnswers;
import dev.sluice.schemas.SimulatedChannel;
import dev.sluice.schemas.SimulatedText;
import dev.sluice.schemas.Simulation;
import dev.sluice.schemas.VectorCell;
import dev.sluice.schemas.VectorComparison;
import dev.sluice.schemas.VectorQuantizerInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Documents whose numbers are made up by formula, in the shapes that real ones have. */
public final class Samples {
  private Samples() {}

  /** Two sweeps in two channels, of which one is published and the other bounded. */
  public static Reproduction reproduction() {
    List<ReproductionCell> cells = new ArrayList<>();
    double[] nodes = {1, 2, 4, 8, 16, 32, 64, 128, 256};
    for (int i = 0; i < nodes.length; i++) {
      double published = .418 + .0377 / nodes[i];
      double ours = published + .0004 * Math.cos(i);
      cells.add(cell("K", nodes[i], "midrise", published, ours, 1.2 * Math.cos(i), null, null));
      cells.add(cell("K", nodes[i], "dither", null, ours + .02 / nodes[i], null, null, null));
    }
    for (int bits = 2; bits <= 12; bits += 2) {
      double upper = 1.0417 * Math.scalb(1, 4 - 2 * bits);
      cells.add(cell("n_bits", bits, "midrise", .42, .4195, -.8, null, null));
      cells.add(cell("n_bits", bits, "dither", null, upper * .93, null, upper * .8, upper));
    }
    return new Reproduction(
        "sluice-reproduction-1",
        "e1",
        "A synthetic bigram, one setting varied at a time",
        "Settings and published means as printed; the simulator is inferred from them.",
        "KL(truth || student)",
        "nats",
        7L,
        40,
        40,
        cells);
  }

  private static ReproductionCell cell(
      String axis,
      double value,
      String channel,
      Double published,
      double ours,
      Double z,
      Double lower,
      Double upper) {
    Double sd = published == null ? null : Double.valueOf(.003);
    return new ReproductionCell(
        axis,
        value,
        channel,
        published,
        sd,
        null,
        ours,
        ours * .01,
        40,
        z,
        lower,
        upper,
        null,
        null,
        (int) value);
  }

  /** Coverage below its target at few bits; a name that looks like markup. */
  public static Reproduction coverage(String title) {
    List<ReproductionCell> cells = new ArrayList<>();
    double[] bits = {1, 2, 4, 6, 8, 10, 12, 14, 16};
    for (double b : bits) {
      double paper = .9 - .5 * Math.scalb(1, (int) -b);
      Double published = b == 1 || b == 4 ? Double.valueOf(paper - .001) : null;
      cells.add(
          new ReproductionCell(
              "B_cal",
              b,
              "paper",
              published,
              null,
              null,
              paper,
              .005,
              20,
              published == null ? null : Double.valueOf(b == 1 ? 3.4 : .7),
              null,
              null,
              null,
              b == 1 || b == 16 ? Double.valueOf(.6 + b / 100) : null,
              (int) b));
      cells.add(
          new ReproductionCell(
              "B_cal",
              b,
              "conservative",
              null,
              null,
              null,
              .9 + .1 / (b + 1),
              .004,
              20,
              null,
              .9,
              null,
              null,
              null,
              (int) b));
    }
    return new Reproduction(
        "sluice-reproduction-1",
        "e2",
        title,
        "The rule was recovered by search.",
        "coverage",
        "fraction",
        1L,
        20,
        20,
        cells);
  }

  /** Four nodes, three rounds, five bit widths. */
  public static Simulation simulation() {
    double[] widths = {2, 4, 6, 8, 12};
    List<Perplexity> perplexities = new ArrayList<>();
    List<SimulatedChannel> channels = new ArrayList<>();
    List<SimulatedAnswers> answers = new ArrayList<>();
    for (int node = 0; node < 4; node++) {
      perplexities.add(perplexity("node", node, null, 0, 410 + 15 * node));
    }
    perplexities.add(perplexity("base", null, null, 0, 520));
    perplexities.add(perplexity("pooled", null, null, 0, 268));
    for (int round = 0; round <= 3; round++) {
      double unquantised = 300 + 220 * Math.scalb(1, -2 * round);
      for (double bits : widths) {
        double tax = 400 * Math.scalb(1, (int) -bits);
        Perplexity student = perplexity("student", null, bits, round, unquantised + tax);
        student.setExcess(Math.log1p(tax / unquantised) + (bits == 12 ? .01 : 0));
        student.setExcessStandardError(.006);
        perplexities.add(student);
        perplexities.add(perplexity("teacher", null, bits, round, unquantised + tax - 6));
      }
      perplexities.add(perplexity("none", null, null, round, unquantised));
      perplexities.add(perplexity("feddf", null, null, round, unquantised + 14));
    }
    for (double bits : widths) {
      for (int round = 1; round <= 3; round++) {
        double upper = 6.5 * Math.scalb(1, (int) (-2 * bits));
        channels.add(
            new SimulatedChannel(
                bits,
                round,
                upper * .9,
                upper * .01,
                upper * .7,
                upper,
                .004 + .1 / bits,
                (long) (2000 * bits * 8000)));
      }
      double coverage = .905 + .004 * Math.cos(bits);
      answers.add(answers(bits, 300 + 400 * Math.scalb(1, (int) -bits), coverage, 4 + 9 / bits));
    }
    answers.add(answers(null, 300, .903, 4.1));
    return new Simulation(
        "sluice-simulation-1",
        "Federated distillation on a text",
        List.of(
            new SimulatedText("valid.txt", "ab".repeat(32), 217_646L),
            new SimulatedText("test.txt", "cd".repeat(32), 245_569L)),
        5L,
        4,
        3,
        8000,
        2000,
        List.of(81_000L, 80_500L, 80_200L, 80_900L),
        37_000L,
        37_000L,
        37_000L,
        24_000L,
        perplexities,
        channels,
        answers);
  }

  private static Perplexity perplexity(
      String model, Integer node, Double bits, int round, double perplexity) {
    return new Perplexity(
        model, node, bits, round, perplexity, Math.log(perplexity), .02, null, null);
  }

  private static SimulatedAnswers answers(
      Double bits, double perplexity, double coverage, double setSize) {
    return new SimulatedAnswers(
        bits,
        perplexity,
        .1,
        32,
        64,
        500,
        1000,
        20,
        coverage,
        coverage - .018,
        coverage + .016,
        setSize,
        .05,
        .41);
  }

  /** Eight channels at four budgets; half of them cannot send at the first. */
  public static Comparison comparison() {
    String sha = "0123456789abcdef".repeat(4);
    List<ComparedChannelInfo> channels = new ArrayList<>();
    List<ComparedCell> cells = new ArrayList<>();
    long[] budgets = {64, 1024, 16_384, 65_536};
    for (int i = 0; i < 8; i++) {
      channels.add(
          new ComparedChannelInfo(
              "channel-" + i, "is number " + i + " of eight", i < 3, i < 3, "all"));
    }
    for (long budget : budgets) {
      for (int i = 0; i < 8; i++) {
        ComparedCell.Builder cell =
            ComparedCell.newBuilder().setChannel("channel-" + i).setBudget(budget);
        if (budget == 64 && i % 2 == 1) {
          cells.add(cell.setReason("one token takes 65 bits").build());
          continue;
        }
        double kl = 10 * (1 + i) / (double) budget;
        cells.add(
            cell.setBits(budget - .5 * i)
                .setOverheadBits(i < 3 ? 26.5 : 0)
                .setSetting("k = " + budget / 29)
                .setKl(kl)
                .setKlStandardError(kl / 20)
                .setUpper(i < 3 ? 1.5 * kl : null)
                .setPerplexity(125 * Math.exp(kl))
                .setTax(125 * Math.expm1(kl))
                .setClipped(i == 2 && budget > 1024 ? 12 : 0)
                .build());
      }
    }
    return Comparison.newBuilder()
        .setFormat("sluice-comparison-1")
        .setProbes(256)
        .setVocabulary(8192)
        .setNodes(List.of(new ComparedFile("n0.npy", sha), new ComparedFile("n1.npy", sha)))
        .setReference(new ComparedFile("base.npy", sha))
        .setNextToken(new ComparedFile("next.npy", sha))
        .setSeed(0)
        .setBudgets(List.of(64L, 1024L, 16_384L, 65_536L))
        .setExactPerplexity(125.0)
        .setNothing(
            ComparedCell.newBuilder()
                .setChannel("nothing")
                .setBudget(0)
                .setBits(0.0)
                .setOverheadBits(0.0)
                .setSetting("")
                .setKl(.18)
                .setKlStandardError(.01)
                .setPerplexity(137.0)
                .setTax(12.0)
                .build())
        .setChannels(channels)
        .setCells(cells)
        .build();
  }

  /** Three codes in two families at two rates, averaged over 1 and 16 nodes. */
  public static VectorComparison vectors() {
    List<VectorQuantizerInfo> infos = new ArrayList<>();
    List<VectorCell> cells = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      infos.add(
          new VectorQuantizerInfo(
              "code-" + i,
              i < 2 ? "pairs, so to speak" : "others",
              "is number " + i,
              i == 1 ? "biased" : "none",
              i == 0 ? "normal" : null,
              "32 bits",
              "none",
              "a paper"));
      for (double rate : new double[] {1, 2}) {
        VectorCell.Builder cell = VectorCell.newBuilder().setQuantizer("code-" + i).setRate(rate);
        if (i == 2 && rate == 1) {
          cells.add(cell.setReason("no such rate in this dimension").build());
          continue;
        }
        double error = Math.pow(4, -rate) * (1.5 + i);
        double floor = i == 1 ? error * error : 0;
        cells.add(
            cell.setBits(rate + .03)
                .setMostBits(rate + .03)
                .setSetting("whole bits")
                .setVnmse(error)
                .setVnmseStandardError(error / 50)
                .setBiasSquared(floor)
                .setBiasSquaredStandardError(error / 1000)
                .setAverages(
                    List.of(
                        new AveragedVectors(1, error, error / 50, null, null),
                        new AveragedVectors(16, floor + error / 16, error / 99, null, null)))
                .build());
      }
    }
    cells.sort(Comparator.comparing(VectorCell::getRate));
    return VectorComparison.newBuilder()
        .setFormat("sluice-vectors-1")
        .setVectors("gaussian")
        .setDimension(1024)
        .setTrials(8)
        .setSpread(0)
        .setSeed(0)
        .setNodes(List.of(1, 16))
        .setRates(List.of(1.0, 2.0))
        .setQuantizers(infos)
        .setWarnings(List.of("Biased, so that a mean over 16 nodes stops: code-1."))
        .setCells(cells)
        .build();
  }
}
