package dev.sluice.runners;

import dev.sluice.pipelines.CompareChannels;
import dev.sluice.pipelines.CompareVectors;
import dev.sluice.runners.RunnerChoice.Engine;
import dev.sluice.schemas.ComparedCell;
import dev.sluice.schemas.Comparison;
import dev.sluice.schemas.VectorComparison;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.channel.vector.Declaration;
import dev.sluice.transforms.channel.vector.VectorQuantizer;
import dev.sluice.transforms.channel.vector.VectorQuantizers;
import dev.sluice.transforms.comparison.CommitComparison;
import dev.sluice.transforms.comparison.CommitVectors;
import dev.sluice.transforms.comparison.ComparedChannel;
import dev.sluice.transforms.comparison.ComparedChannels;
import dev.sluice.transforms.comparison.ComparisonSettings;
import dev.sluice.transforms.comparison.ComparisonSettings.ReadFile;
import dev.sluice.transforms.comparison.NpyLogits;
import dev.sluice.transforms.comparison.VectorSettings;
import dev.sluice.transforms.report.ComparisonPage;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import org.apache.beam.sdk.Pipeline;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice compare}. */
@Command(
    name = "compare",
    description = {
      "Sends the same logits through every channel at every budget, and says what each is worth; or"
          + " the same vectors through every code at every rate.",
      "",
      "  reference        relative to a public reference, entropy coded",
      "  dither           the channel of a round: centred, an exact lattice within the budget",
      "  dither-centred   the papers' channel after centring, clipped at each node's reach",
      "  dither-paper     the papers' channel, clipped at 40 as published",
      "  midrise          as dither, rounded without it",
      "  top-k-reference  the likeliest tokens in 16 bits, the rest as the reference has it",
      "  top-k-even       the same, the rest evenly",
      "  distillkit       what DistillKit stores, in the best of its settings",
      "",
      "and codes for vectors (--list says what each is). Logits reach these less the reference's and"
          + " less their mean.",
      "",
      "Bits are those of the files that would be sent, a probe and node; budgets include heads and"
          + " headers. All but the first five are given none. KL is from the softmax of the exact"
          + " mean of the logits to that of the decoded mean, nats; tax is what the decoded teacher's"
          + " perplexity exceeds the exact one's by, on the tokens that followed. A channel that"
          + " cannot send within a budget is absent there.",
      "",
      "Of vectors: vNMSE is the squared error of one over its squared length, bias^2 the part of it"
          + " that keys have in common, and K=... the error of means over so many nodes. Bits are"
          + " those of a coordinate, with all side information.",
      "",
      "Prints a table for each budget or rate, and writes comparison.json or vectors.json and"
          + " report/index.html."
    },
    footerHeading = "%nExit codes%n",
    footer = {
      "  0   done",
      "  3   a file cannot be used, or the directory cannot be written",
      "",
      "Example:",
      "  sluice compare --logits n0.npy n1.npy --reference base.npy --next-token next.npy --budgets"
          + " 64,1024,16384",
      "  sluice compare --vectors gaussian --dim 1024 --nodes 1,4,16,256 --bits 1,2,3,4"
    })
final class CompareCommand extends SluiceCommand {
  private static final int MOST_NODES = 1024;

  /** Of the heap, what blocks may take. */
  private static final double HEAP_SHARE = 0.85;

  @Option(
      names = "--logits",
      arity = "1..*",
      paramLabel = "FILE",
      description =
          "Logits of each node, .npy of m x V: float16, float32 or float64, one row for each"
              + " probe. Several after one another.")
  private List<String> logits;

  @Option(
      names = "--reference",
      paramLabel = "FILE",
      description =
          "Logits that hub and sites both hold, .npy of the same shape. Default: none, which is"
              + " the uniform distribution.")
  private String reference;

  @Option(
      names = "--next-token",
      paramLabel = "FILE",
      description = "The tokens that followed the probes, .npy of m integers: adds perplexities.")
  private String nextToken;

  @Option(
      names = "--budgets",
      split = ",",
      paramLabel = "BITS",
      description =
          "Bits a probe and node, each a whole number from 1 to 16777216. Default:"
              + " 64,256,1024,4096,16384,65536.")
  private List<String> budgets = List.of("64", "256", "1024", "4096", "16384", "65536");

  @Mixin private VectorOptions vectors;

  @Option(
      names = "--quantizer",
      split = ",",
      paramLabel = "NAME",
      description =
          "Only these channels, or codes. Default: all but turboquant-prod, whose work grows as the"
              + " square of the dimension.")
  private List<String> names;

  @Option(names = "--list", description = "Say what every channel and code is, and do nothing.")
  private boolean list;

  @Option(
      names = "--seed",
      defaultValue = "0",
      description = "Seed of dither, keys and drawn vectors. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--report",
      defaultValue = "sluice-comparison",
      paramLabel = "DIR",
      description =
          "Directory to write to; an earlier comparison there is replaced when this one is"
              + " complete. Default: ${DEFAULT-VALUE}.")
  private String report;

  @Option(names = "--json", description = "Print the document instead of tables.")
  private boolean json;

  @Mixin private RunnerOptions runner;

  @Override
  public Integer call() throws IOException {
    if (list) {
      out().print(catalogue());
      return ExitCodes.OK;
    }
    checkMode();
    RunnerChoice choice = runner.choice();
    if (choice.engine() == Engine.AUTO) {
      choice = RunnerChoice.direct().withParallelism(choice.parallelism());
    }
    String directory = Locations.output(report);
    return vectors.isGiven() ? vectors(choice, directory) : logits(choice, directory);
  }

  /** Logits or vectors, and of the options only those of the one. */
  private void checkMode() {
    if (vectors.isGiven() == (logits != null)) {
      throw usage(
          vectors.isGiven()
              ? "--logits and --vectors exclude each other"
              : "expected --logits FILE... or --vectors WHAT");
    }
    if (vectors.isGiven()) {
      for (String option : List.of("--reference", "--next-token", "--budgets")) {
        if (wasGiven(option)) {
          throw usage(option + " belongs to --logits");
        }
      }
    } else {
      vectors
          .strayOption()
          .ifPresent(
              option -> {
                throw usage(option + " belongs to --vectors");
              });
    }
  }

  private int logits(RunnerChoice choice, String directory) throws IOException {
    List<Long> bits = budgets.stream().map(this::budget).toList();
    ComparisonSettings settings = settings(bits, chosen());
    checkMemory(settings.bytesOfACell(), CompareChannels.cellCount(settings), choice);
    String document = CommitComparison.document(directory);
    Comparison comparison =
        compare(
            choice,
            directory,
            CompareChannels.cellCount(settings),
            (pipeline, aside) -> CompareChannels.build(pipeline, settings, directory, aside),
            () ->
                PlainJson.read(
                    Comparison.class,
                    Comparison.getClassSchema(),
                    Storage.read(document, PlainJson.MAX_BYTES),
                    document));
    comparison.getWarnings().forEach(this::warn);
    print(
        PlainJson.write(comparison),
        forPeople(comparison),
        document,
        CommitComparison.page(directory));
    return ExitCodes.OK;
  }

  private int vectors(RunnerChoice choice, String directory) throws IOException {
    VectorSettings settings = vectors.settings(names, seed);
    checkMemory(settings.bytesOfACell(), CompareVectors.cellCount(settings), choice);
    String document = CommitVectors.document(directory);
    VectorComparison comparison =
        compare(
            choice,
            directory,
            CompareVectors.cellCount(settings),
            (pipeline, aside) -> CompareVectors.build(pipeline, settings, directory, aside),
            () ->
                PlainJson.read(
                    VectorComparison.class,
                    VectorComparison.getClassSchema(),
                    Storage.read(document, PlainJson.MAX_BYTES),
                    document));
    comparison.getWarnings().forEach(this::warn);
    print(
        PlainJson.write(comparison),
        VectorTables.of(comparison),
        document,
        CommitVectors.page(directory));
    return ExitCodes.OK;
  }

  private void warn(String warning) {
    err().println("sluice: warning: " + warning);
    err().flush();
  }

  private void print(byte[] document, String tables, String documentPath, String pagePath) {
    if (json) {
      out().print(new String(document, StandardCharsets.UTF_8));
      return;
    }
    out().print(tables);
    out().println("written to " + Texts.printable(documentPath));
    out().println("page       " + Texts.printable(pagePath));
  }

  private static String catalogue() {
    StringBuilder text = new StringBuilder("Channels for logits\n\n");
    for (ComparedChannel channel : ComparedChannels.all()) {
      if (VectorQuantizers.find(channel.name())
          .filter(q -> q.what().equals(channel.what()))
          .isEmpty()) {
        text.append(String.format(Locale.ROOT, "%s: %s.%n", channel.name(), channel.what()));
      }
    }
    text.append("\nCodes for vectors, and for a probe's logits as a vector\n");
    for (VectorQuantizer quantizer : VectorQuantizers.all()) {
      Declaration declaration = quantizer.declaration();
      text.append(
          String.format(
              Locale.ROOT,
              "%n%s: %s.%n    bias: %s%n    error law: %s%n    beside the coordinates: %s%n"
                  + "    state: %s%n    source: %s%n",
              quantizer.name(),
              quantizer.what(),
              declaration.bias().label(),
              declaration.errorLaw().orElse("none known that holds for every vector"),
              declaration.sideInformation(),
              declaration.state(),
              declaration.source()));
    }
    return text.toString();
  }

  private long budget(String text) {
    if (text.matches("[0-9]{1,8}")) {
      long bits = Long.parseLong(text);
      if (bits >= 1 && bits <= ComparisonSettings.MAX_BUDGET) {
        return bits;
      }
    }
    throw usage(
        "--budgets: found '"
            + Texts.printable(text)
            + "', expected a whole number of bits from 1 to "
            + ComparisonSettings.MAX_BUDGET);
  }

  private List<ComparedChannel> chosen() {
    if (names == null) {
      return ComparedChannels.all().stream()
          .filter(channel -> reference != null || !channel.needsReference())
          .filter(channel -> !channel.isCostly())
          .toList();
    }
    for (String name : names) {
      ComparedChannel channel =
          ComparedChannels.find(name)
              .orElseThrow(
                  () ->
                      usage(
                          "--quantizer: found '"
                              + Texts.printable(name)
                              + "', expected some of "
                              + ComparedChannels.all().stream()
                                  .map(ComparedChannel::name)
                                  .collect(Collectors.joining(", "))));
      if (reference == null && channel.needsReference()) {
        throw usage("--quantizer: '" + name + "' needs a --reference");
      }
    }
    return ComparedChannels.all().stream()
        .filter(channel -> names.contains(channel.name()))
        .toList();
  }

  private ComparisonSettings settings(List<Long> bits, List<ComparedChannel> chosen)
      throws IOException {
    if (logits.size() > MOST_NODES) {
      throw usage("--logits must be 1 to " + MOST_NODES + " files, got " + logits.size());
    }
    List<ReadFile> files = new ArrayList<>();
    long rows = 0;
    int columns = 0;
    for (String typed : logits) {
      ReadFile file = file(typed);
      try (NpyRows npy = NpyLogits.rows(file.path())) {
        if (files.isEmpty()) {
          rows = npy.rows();
          columns = npy.columns();
          checkShape(file.path(), rows, columns);
        }
        checkSame(npy, file.path(), rows, columns);
      }
      files.add(file);
    }
    ReadFile base = reference == null ? null : file(reference);
    if (base != null) {
      try (NpyRows npy = NpyLogits.rows(base.path())) {
        checkSame(npy, base.path(), rows, columns);
      }
    }
    ReadFile next = nextToken == null ? null : file(nextToken);
    if (next != null) {
      NpyLogits.nextTokens(next.path(), rows, columns);
    }
    return new ComparisonSettings(
        files,
        base,
        next,
        rows,
        columns,
        seed,
        bits,
        chosen.stream().map(ComparedChannel::name).toList());
  }

  private static void checkShape(String path, long rows, int columns) throws BadInputException {
    if (rows > Integer.MAX_VALUE || columns < 2 || columns > ComparisonSettings.MAX_VOCABULARY) {
      throw new BadInputException(
          path
              + ": found shape ("
              + rows
              + ", "
              + columns
              + "), expected at most "
              + Integer.MAX_VALUE
              + " rows of 2 to "
              + ComparisonSettings.MAX_VOCABULARY
              + " columns");
    }
  }

  private void checkSame(NpyRows npy, String path, long rows, int columns)
      throws BadInputException {
    if (npy.rows() != rows || npy.columns() != columns) {
      throw new BadInputException(
          path
              + ": found shape ("
              + npy.rows()
              + ", "
              + npy.columns()
              + "), expected that of "
              + logits.get(0)
              + ", ("
              + rows
              + ", "
              + columns
              + ")");
    }
  }

  static ReadFile file(String typed) throws IOException {
    String name = Locations.existing(typed).resourceId().getFilename();
    return new ReadFile(
        Locations.of(typed), Texts.printable(String.valueOf(name)), FileDigest.of(typed));
  }

  /** On a cluster each worker has a heap of its own, of which nothing is known here. */
  private static void checkMemory(long bytesOfACell, int cells, RunnerChoice choice)
      throws BadInputException {
    long atOnce = Math.min(choice.parallelism(), cells);
    long needed = atOnce * bytesOfACell;
    long room = (long) (HEAP_SHARE * Runtime.getRuntime().maxMemory());
    if (choice.flinkMaster().isEmpty() && needed > room) {
      throw new BadInputException(
          "--parallelism: "
              + atOnce
              + " channels at once would take about "
              + Texts.bytes(needed)
              + ", expected at most "
              + Texts.bytes(room)
              + "; ask for fewer, or a larger heap: SLUICE_JAVA_OPTS=-Xmx4g");
    }
  }

  private static <T> T compare(
      RunnerChoice choice,
      String directory,
      int cells,
      BiConsumer<Pipeline, String> build,
      Attempt.Result<T> result)
      throws IOException {
    String aside = directory + "/" + RoundDirectory.ATTEMPT + UUID.randomUUID();
    Storage.replace(aside + "/started", new byte[0]); // minutes later would be late to find out
    return new Attempt("compare", directory, List.of(aside))
        .run(
            choice,
            Progress.NONE,
            new Attempt.Work(cells, "cells", 1),
            pipeline -> build.accept(pipeline, aside),
            result);
  }

  // ---- for people ----

  static String forPeople(Comparison run) {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%s of %d tokens, %s; %s.%nNothing sent: KL %s nats%s.%n",
            Texts.count(run.getProbes(), "probe"),
            run.getVocabulary(),
            Texts.count(run.getNodes().size(), "node"),
            run.getReference() == null
                ? "no reference, which is the uniform distribution"
                : "relative to " + Texts.printable(run.getReference().getName()),
            Texts.number(run.getNothing().getKl()),
            run.getExactPerplexity() == null
                ? ""
                : ", perplexity "
                    + Texts.number(run.getNothing().getPerplexity())
                    + "; the exact teacher's "
                    + Texts.number(run.getExactPerplexity())));
    for (long budget : run.getBudgets()) {
      Texts.Table table =
          new Texts.Table(
              budget + " bits", "sent", "headers", "KL, nats", "+-", "upper", "tax", "how");
      for (ComparedCell cell : run.getCells()) {
        if (cell.getBudget() == budget) {
          table.row(
              cell.getChannel(),
              fixed(cell.getBits(), 1),
              fixed(cell.getOverheadBits(), 1),
              Texts.number(cell.getKl()),
              cell.getKlStandardError() == null
                  ? "-"
                  : String.format(Locale.ROOT, "%.2g", cell.getKlStandardError()),
              Texts.number(cell.getUpper()),
              fixed(cell.getTax(), 3),
              cell.getReason() == null
                  ? cell.getSetting()
                      + (cell.getClipped() == 0 ? "" : "; " + cell.getClipped() + " clipped")
                  : "absent: " + cell.getReason());
        }
      }
      text.append('\n').append(table);
    }
    return text.append('\n')
        .append("least KL   ")
        .append(
            ComparisonPage.wins(run).entrySet().stream()
                .map(win -> win.getKey() + " at " + Texts.count(win.getValue(), "budget"))
                .collect(Collectors.joining(", ")))
        .append('\n')
        .toString();
  }

  private static String fixed(Double value, int digits) {
    return value == null ? "-" : String.format(Locale.ROOT, "%." + digits + "f", value);
  }
}
