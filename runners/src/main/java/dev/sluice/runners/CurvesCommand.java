package dev.sluice.runners;

import dev.sluice.pipelines.CurvesRound;
import dev.sluice.schemas.NodeCurve;
import dev.sluice.schemas.RateCurves;
import dev.sluice.schemas.RatePoint;
import dev.sluice.schemas.RateSplit;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.reference.RateCurve;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What bits buy in the reference channel, and how to divide them. */
@Command(
    name = "curves",
    description = {
      "Measure each node's rate curve from its uplink in a round of the reference channel.",
      "With a total, bits are divided at equal slope: all nodes get one water level, which is where"
          + " a bit more is worth the same at each of them. A curve holds up to the level of the"
          + " codes that it is measured on, so give the round that is measured more bits than"
          + " those that follow, on fewer probes."
    })
final class CurvesCommand extends SluiceCommand {
  /** Lines of a curve that people are shown. */
  private static final int SHOWN = 12;

  @Option(
      names = "--round",
      required = true,
      paramLabel = "DIR",
      description = "A committed round of the reference channel.")
  private String round;

  @Option(
      names = "--total-bits-per-probe",
      paramLabel = "T",
      description =
          "Bits for a probe to divide, headers and all, summed over nodes. The last line then is"
              + " what 'sluice plan --bits-per-probe' takes.")
  private Double total;

  @Option(names = "--json", description = "Print the document instead. FORMAT.md 15.7.")
  private boolean json;

  @Mixin private RunnerOptions runner;

  @Override
  public Integer call() throws IOException {
    if (total != null && !(total > 0 && total < Double.POSITIVE_INFINITY)) {
      throw usage("--total-bits-per-probe: found " + total + ", expected a number above 0");
    }
    RunnerChoice choice = runner.choice();
    RoundDirectory directory = Locations.round(round);
    PlannedRound planned = RoundRunner.plan(directory);
    if (!planned.isRelative()) {
      throw new BadInputException(
          planned.source()
              + ": its channel is 'logits', whose curves are w 4^-b: 'sluice allocate' divides its"
              + " bits");
    }
    PublicReference.verify(planned, directory);
    RateCurves curves =
        measure(
            CommittedRound.read(planned, directory),
            RoundRunner.withinHeap(planned, RoundRunner.choose(choice, directory).runner()));
    if (total != null) {
      curves.setSplit(split(curves, total));
    }
    out()
        .print(
            json ? new String(PlainJson.write(curves), StandardCharsets.UTF_8) : forPeople(curves));
    return ExitCodes.OK;
  }

  private static RateCurves measure(CommittedRound committed, RunnerChoice runner)
      throws IOException {
    RoundDirectory directory = committed.directory();
    String aside = directory.aside(UUID.randomUUID().toString());
    String output =
        runner.flinkMaster().isPresent()
            ? aside + "/curves.json"
            : Files.createTempFile("sluice-curves-", ".json").toString();
    try {
      Engines.run(
          runner,
          "sluice-curves " + directory.root(),
          pipeline -> CurvesRound.build(pipeline, committed, output));
      return PlainJson.read(
          RateCurves.class,
          RateCurves.getClassSchema(),
          Storage.read(output, PlainJson.MAX_BYTES),
          "the curves' own output");
    } catch (RuntimeException e) {
      throw new BadInputException(Failures.badInput(e).orElseThrow(() -> e), e);
    } finally {
      Storage.deleteIfExists(output);
      Attempt.delete(aside);
    }
  }

  /** Divides bits, of which headers and framing take their part. */
  private RateSplit split(RateCurves measured, double total) throws BadInputException {
    List<RateCurve> curves = measured.getNodes().stream().map(CurvesCommand::curve).toList();
    double frames = measured.getNodes().stream().mapToDouble(NodeCurve::getFrameBitsPerProbe).sum();
    double least = RateCurve.sum(curves, 0) + frames;
    if (total < least) {
      throw usage(
          "--total-bits-per-probe: found "
              + total
              + ", expected at least "
              + Math.ceil(least)
              + ", what these nodes take with the coarsest codes");
    }
    RateCurve.Split split = RateCurve.equalSlope(curves, total - frames);
    List<Long> bits = new ArrayList<>();
    double[] levels = new double[curves.size()];
    boolean within = true;
    for (int i = 0; i < levels.length; i++) {
      double frame = measured.getNodes().get(i).getFrameBitsPerProbe();
      bits.add((long) Math.floor(split.bits()[i] + frame));
      double equal = total / levels.length - frame;
      levels[i] = curves.get(i).levelAt(equal);
      within &=
          equal >= curves.get(i).bitsAt(0) && equal <= curves.get(i).bitsAt(curves.get(i).finest());
    }
    double finest = curves.stream().mapToDouble(RateCurve::finest).min().orElseThrow();
    if (split.level() >= finest) {
      err()
          .println(
              "sluice: the curves end at "
                  + Texts.number(RateCurve.sum(curves, finest) + frames)
                  + " bits per probe, and so does the split; a round with more bits would show how"
                  + " to divide the rest");
    }
    return RateSplit.newBuilder()
        .setTotalBitsPerProbe(total)
        .setLevel(split.level())
        .setBitsPerProbe(bits)
        .setPredicted(split.predicted())
        .setUniform(within ? RateCurve.predicted(curves, levels) : null)
        .build();
  }

  private static RateCurve curve(NodeCurve node) {
    List<RatePoint> points = node.getPoints();
    return new RateCurve(
        points.stream().mapToDouble(RatePoint::getLevel).toArray(),
        points.stream().mapToDouble(RatePoint::getBitsPerProbe).toArray(),
        points.stream().mapToDouble(RatePoint::getNoise).toArray(),
        points.stream().mapToDouble(RatePoint::getUnsent).toArray());
  }

  private static String forPeople(RateCurves curves) {
    List<NodeCurve> nodes = curves.getNodes();
    int points = nodes.stream().mapToInt(node -> node.getPoints().size()).min().orElse(0);
    List<String> headings = new ArrayList<>(List.of("theta, nats"));
    nodes.forEach(node -> headings.add(node.getName()));
    Texts.Table table = new Texts.Table(headings.toArray(new String[0]));
    int stride = Math.max(1, (points + SHOWN - 1) / SHOWN);
    for (int point = (points - 1) % stride; point < points; point += stride) {
      int at = point;
      List<String> cells = new ArrayList<>();
      cells.add(Texts.number(Math.pow(2, -nodes.get(0).getPoints().get(at).getLevel() / 64.0)));
      nodes.forEach(
          node ->
              cells.add(
                  Texts.number(
                      node.getPoints().get(at).getBitsPerProbe() + node.getFrameBitsPerProbe())));
      table.row(cells.toArray(new String[0]));
    }
    String text =
        "bits per probe, headers and all, at a water level, of round "
            + Texts.printable(curves.getRound())
            + "\n"
            + table;
    RateSplit split = curves.getSplit();
    if (split == null) {
      return text;
    }
    String option =
        IntStream.range(0, nodes.size())
            .mapToObj(i -> nodes.get(i).getName() + "=" + split.getBitsPerProbe().get(i))
            .collect(Collectors.joining(","));
    return text
        + "\nat equal slope, theta "
        + Texts.number(Math.pow(2, -split.getLevel() / 64))
        + ": predicted KL "
        + Texts.number(split.getPredicted())
        + " nats"
        + (split.getUniform() == null
            ? "; equal bits are not within the curves"
            : "; equal bits "
                + Texts.number(split.getUniform())
                + String.format(Locale.ROOT, " (x%.3g)", split.getUniform() / split.getPredicted()))
        + "\n--bits-per-probe "
        + Texts.printable(option)
        + "\n";
  }
}
