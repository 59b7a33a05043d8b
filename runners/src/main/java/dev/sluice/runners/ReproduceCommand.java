package dev.sluice.runners;

import dev.sluice.pipelines.ReproduceExperiments;
import dev.sluice.runners.RunnerChoice.Engine;
import dev.sluice.schemas.Reproduction;
import dev.sluice.schemas.ReproductionCell;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.report.ReproductionPage;
import dev.sluice.transforms.reproduction.CommitReproductions;
import dev.sluice.transforms.reproduction.Experiment;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code sluice reproduce}. */
@Command(
    name = "reproduce",
    description = {
      "Runs the papers' synthetic experiments again and sets the results beside what was published.",
      "",
      "  e1          KL of the averaged student against K, n, m, bits and V: 36 means",
      "  e1.5        the same with nodes whose truths differ",
      "  e2          coverage of calibrated answer sets against scores and bits",
      "  refinement  error of the aggregate by round, for every scheme",
      "  allocation  KL against K, bits and their split, at settings of our own",
      "  all         all of them",
      "",
      "Prints a table, and writes EXPERIMENT.json into the directory, and a page of all"
          + " experiments that lie there, report/index.html. z is how many standard errors"
          + " the two means are apart; one beyond 3 is a finding, not a failure."
    },
    footerHeading = "%nExit codes%n",
    footer = {
      "  0   done, whatever was found",
      "  3   the directory cannot be written",
      "",
      "Examples:",
      "  sluice reproduce e1",
      "  sluice reproduce e1 e2 --seeds 8 --out quick"
    })
final class ReproduceCommand extends SluiceCommand {
  private static final String ALL = "all";
  private static final int MOST_SEEDS = 100_000;

  /** Standard errors from which on a cell is named. */
  private static final double NAMED_FROM = 3;

  @Parameters(
      arity = "1..*",
      paramLabel = "EXPERIMENT",
      description = "e1, e1.5, e2, refinement, allocation or all.")
  private List<String> names;

  @Option(
      names = "--seeds",
      paramLabel = "N",
      description =
          "Repetitions of every cell. Default: as published, 40 for e1 and 20 for e1.5 and e2; 10"
              + " for refinement and 20 for allocation.")
  private Integer seeds;

  @Option(
      names = "--seed",
      defaultValue = "0",
      paramLabel = "S",
      description = "Seed of the first repetition; the next has S + 1. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--out",
      defaultValue = "sluice-reproduction",
      paramLabel = "DIR",
      description =
          "Directory to write to; the same experiments' files there are replaced. Default:"
              + " ${DEFAULT-VALUE}.")
  private String out;

  @Mixin private RunnerOptions runner;

  @Override
  public Integer call() throws IOException {
    Map<Experiment, Integer> experiments = experiments();
    RunnerChoice choice = runner.choice();
    if (choice.engine() == Engine.AUTO) {
      choice = RunnerChoice.direct().withParallelism(choice.parallelism());
    }
    String directory = Locations.output(out);
    String aside = directory + "/" + RoundDirectory.ATTEMPT + UUID.randomUUID();
    Set<Experiment> kept = EnumSet.allOf(Experiment.class);
    kept.removeAll(experiments.keySet());
    CommitReproductions.documents(directory, kept); // the page shows them: none may be broken
    Storage.replace(aside + "/started", new byte[0]); // minutes later would be late to find out
    long trials = 0;
    for (Map.Entry<Experiment, Integer> entry : experiments.entrySet()) {
      trials += (long) entry.getKey().settings() * entry.getValue();
    }
    err()
        .println(
            "sluice: "
                + choice.label()
                + ", parallelism "
                + choice.parallelism()
                + "; "
                + Texts.count(trials, "repetition")
                + " of settings");
    err().flush();
    new Attempt("reproduce", directory, List.of(aside))
        .run(
            choice,
            Progress.NONE,
            new Attempt.Work(trials, "repetitions", 1),
            pipeline -> ReproduceExperiments.build(pipeline, experiments, seed, directory, aside),
            () -> {
              print(experiments.keySet(), directory);
              return null;
            });
    return ExitCodes.OK;
  }

  private Map<Experiment, Integer> experiments() {
    if (seeds != null && (seeds < 1 || seeds > MOST_SEEDS)) {
      throw usage("--seeds must be 1 to " + MOST_SEEDS + ", got " + seeds);
    }
    Map<Experiment, Integer> experiments = new EnumMap<>(Experiment.class);
    for (String name : names) {
      List<Experiment> asked =
          name.equals(ALL)
              ? List.of(Experiment.values())
              : List.of(
                  Experiment.find(name)
                      .orElseThrow(
                          () ->
                              usage(
                                  "experiment: found '"
                                      + Texts.printable(name)
                                      + "', expected one of "
                                      + Experiment.labels()
                                      + ", "
                                      + ALL)));
      asked.forEach(e -> experiments.put(e, seeds == null ? e.seeds() : seeds));
    }
    return experiments;
  }

  private void print(Iterable<Experiment> experiments, String directory) throws IOException {
    for (Experiment experiment : experiments) {
      String file = CommitReproductions.file(directory, experiment);
      out()
          .print(
              forPeople(
                  PlainJson.read(
                      Reproduction.class,
                      Reproduction.getClassSchema(),
                      Storage.read(file, PlainJson.MAX_BYTES),
                      file)));
      out().println("written     " + Texts.printable(file));
      out().println();
    }
    out().println("page        " + Texts.printable(CommitReproductions.page(directory)));
  }

  static String forPeople(Reproduction document) {
    StringBuilder text = new StringBuilder();
    text.append(document.getTitle())
        .append('\n')
        .append(document.getQuantity())
        .append(", ")
        .append(document.getUnit())
        .append("; ")
        .append(Texts.count(document.getSeeds(), "seed"))
        .append(" from ")
        .append(document.getSeed())
        .append('\n');
    Map<String, List<ReproductionCell>> axes = new LinkedHashMap<>();
    for (ReproductionCell cell : document.getCells()) {
      axes.computeIfAbsent(cell.getAxis(), axis -> new ArrayList<>()).add(cell);
    }
    axes.forEach((axis, cells) -> text.append('\n').append(table(axis, cells)));
    return text.append('\n').append(summary(document)).toString();
  }

  private static String table(String axis, List<ReproductionCell> cells) {
    Texts.Table table =
        new Texts.Table(
            axis,
            "channel",
            "published",
            "sd",
            "ours",
            "sd",
            "z",
            "reference",
            "lower",
            "upper",
            "predicted");
    for (ReproductionCell cell : cells) {
      table.row(
          Texts.number(cell.getValue()),
          cell.getChannel(),
          Texts.number(cell.getPublished()),
          deviation(cell.getPublishedSd()),
          Texts.number(cell.getOurs()),
          deviation(cell.getOursSd()),
          cell.getZ() == null ? "-" : String.format(Locale.ROOT, "%.2f", cell.getZ()),
          Texts.number(cell.getReference()),
          Texts.number(cell.getLower()),
          Texts.number(cell.getUpper()),
          Texts.number(cell.getPredicted()));
    }
    return table.toString();
  }

  private static String deviation(Double value) {
    return value == null ? "-" : String.format(Locale.ROOT, "%.2g", value);
  }

  private static String summary(Reproduction document) {
    if (document.getSeeds() < ReproductionPage.JUDGED_FROM) {
      return "published   too few repetitions to judge by their standard errors: "
          + ReproductionPage.JUDGED_FROM
          + " at least\n";
    }
    List<ReproductionCell> compared = ReproductionPage.compared(document);
    List<ReproductionCell> apart =
        compared.stream().filter(cell -> Math.abs(cell.getZ()) > NAMED_FROM).toList();
    List<ReproductionCell> bounded =
        document.getCells().stream()
            .filter(cell -> cell.getLower() != null || cell.getUpper() != null)
            .filter(cell -> cell.getBoundBase() == null) // else they are on another quantity
            .filter(cell -> cell.getOursSd() != null) // else nothing says what is near
            .toList();
    List<ReproductionCell> outside = bounded.stream().filter(ReproductionPage::outside).toList();
    StringBuilder text = new StringBuilder();
    if (!compared.isEmpty()) {
      text.append("published   ")
          .append(compared.size() - apart.size())
          .append(" of ")
          .append(Texts.count(compared.size(), "mean"))
          .append(" within 3 standard errors\n            of ")
          .append(Texts.count(ReproductionPage.settings(compared), "distinct setting"))
          .append("; cells of an experiment share their seeds: their z go together\n");
      apart.forEach(
          cell ->
              text.append("  ")
                  .append(name(cell))
                  .append(": published ")
                  .append(Texts.number(cell.getPublished()))
                  .append(", ours ")
                  .append(Texts.number(cell.getOurs()))
                  .append(String.format(Locale.ROOT, ", z %.2f", cell.getZ()))
                  .append('\n'));
    } else {
      text.append("published   nothing to compare with\n");
    }
    if (!bounded.isEmpty()) {
      text.append("bounds      ")
          .append(bounded.size() - outside.size())
          .append(" of ")
          .append(Texts.count(bounded.size(), "mean"))
          .append(" within them, or 3 standard errors of them\n");
      outside.forEach(
          cell ->
              text.append("  ")
                  .append(name(cell))
                  .append(": ours ")
                  .append(Texts.number(cell.getOurs()))
                  .append(", lower ")
                  .append(Texts.number(cell.getLower()))
                  .append(", upper ")
                  .append(Texts.number(cell.getUpper()))
                  .append('\n'));
    }
    return text.toString();
  }

  private static String name(ReproductionCell cell) {
    return cell.getAxis() + " " + Texts.number(cell.getValue()) + ", " + cell.getChannel();
  }
}
