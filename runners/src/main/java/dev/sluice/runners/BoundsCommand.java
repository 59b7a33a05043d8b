package dev.sluice.runners;

import dev.sluice.schemas.BoundCertificate;
import dev.sluice.schemas.BoundInput;
import dev.sluice.schemas.BoundValue;
import dev.sluice.schemas.Bounds;
import dev.sluice.schemas.Certificate;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.bounds.Bound;
import dev.sluice.transforms.bounds.BoundCatalogue;
import dev.sluice.transforms.bounds.Input;
import dev.sluice.transforms.bounds.Setting;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.BadPlanException;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.IModelTransformer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sluice bounds}. */
@Command(
    name = "bounds",
    modelTransformer = BoundsCommand.InputOptions.class,
    description = {
      "Print what theory promises: every bound of the papers, and ours, for a plan, for a round that"
          + " is done, or for numbers on the command line.",
      "",
      "A bound whose constants nobody has said is printed as its formula, with the options that it"
          + " needs; one that says nothing is marked as vacuous. P1 is arXiv:2605.09986v2, P2"
          + " arXiv:2605.29642v1: both number their theorems alike."
    },
    footer = {
      "",
      "Examples:",
      "  sluice bounds --nodes 4 --vocab 50257 --probes 2048 --bits-per-coordinate 8 --clip 40",
      "  sluice bounds --round rounds/r1 --eta0 0.5",
      "  sluice bounds --explain P2-5.5"
    })
final class BoundsCommand extends SluiceCommand {
  private static final String FORMAT = "sluice-bounds-1";

  @Spec private CommandSpec spec;

  @Option(names = "--plan", paramLabel = "FILE", description = "A plan.json.")
  private String plan;

  @Option(
      names = "--round",
      paramLabel = "DIR",
      description =
          "A round directory. Where the round is done: the nodes that were averaged, with the digits"
              + " and clips that they sent, and its certificate.")
  private String round;

  @Option(names = "--nodes", paramLabel = "K", description = "Number of nodes.")
  private Integer nodes;

  @Option(names = "--vocab", paramLabel = "V", description = "Logits per probe.")
  private Integer vocabulary;

  @Option(names = "--probes", paramLabel = "m", description = "Number of probe contexts.")
  private Long probes;

  @Option(
      names = "--bits-per-coordinate",
      split = ",",
      paramLabel = "B",
      description = "Bits per logit: one number, or one for each node. 0 or 1 to 16.")
  private List<Double> bits;

  @Option(
      names = "--clip",
      split = ",",
      paramLabel = "L",
      description =
          "Clip level in logits: one number, or one for each node. For a plan whose clips follow the"
              + " data it is a supposition, by nodes with bits.")
  private List<Double> clip;

  @Option(
      names = "--quantizer",
      paramLabel = "dither|dither-paper|midrise",
      description = "As in 'sluice plan'. Default: dither.")
  private String quantizer;

  @Option(
      names = "--explain",
      paramLabel = "ID",
      description = "Print one bound's formula and assumptions, beside its value if there is one.")
  private String explain;

  @Option(names = "--list", description = "Print all formulas and assumptions, and no values.")
  private boolean list;

  @Option(names = "--json", description = "Print one JSON object and nothing else.")
  private boolean json;

  /** One option for each {@link Input}. */
  static final class InputOptions implements IModelTransformer {
    @Override
    public CommandSpec transform(CommandSpec command) {
      for (Input input : Input.values()) {
        String meaning = input.meaning();
        command.addOption(
            OptionSpec.builder(input.option())
                .type(Double.class)
                .paramLabel(input.label())
                .description(Character.toUpperCase(meaning.charAt(0)) + meaning.substring(1) + ".")
                .build());
      }
      return command;
    }
  }

  @Override
  public Integer call() throws IOException {
    if (explain != null && BoundCatalogue.of(explain).isEmpty()) {
      throw usage("--explain: found '" + explain + "', expected one of " + ids());
    }
    boolean asked = plan != null || round != null || nodes != null;
    if (!asked && (list || explain != null)) {
      List<Bound> bounds =
          list ? BoundCatalogue.all() : List.of(BoundCatalogue.of(explain).orElseThrow());
      out().print(bounds.stream().map(BoundsCommand::explained).collect(Collectors.joining("\n")));
      return ExitCodes.OK;
    }
    Setting setting = setting();
    List<Bound.Result> results =
        BoundCatalogue.all().stream()
            .filter(bound -> explain == null || bound.id().equalsIgnoreCase(explain))
            .map(bound -> bound.in(setting))
            .toList();
    if (json) {
      out().print(new String(PlainJson.write(document(setting, results)), StandardCharsets.UTF_8));
    } else if (list || explain != null) {
      for (Bound.Result result : results) {
        out().print(explained(result.bound()));
        out().println("  value        " + value(result) + suffix(result));
      }
    } else {
      out().print(forPeople(setting, results));
    }
    return ExitCodes.OK;
  }

  private static String ids() {
    return BoundCatalogue.all().stream().map(Bound::id).collect(Collectors.joining(", "));
  }

  // ---- the setting ----

  private Setting setting() throws IOException {
    int sources = (plan == null ? 0 : 1) + (round == null ? 0 : 1) + (nodes == null ? 0 : 1);
    if (sources != 1) {
      throw usage("one of --plan, --round and --nodes is needed, and only one");
    }
    if (nodes != null) {
      PlannedRound drafted = drafted();
      return Setting.of(drafted, inputs(drafted.vocabulary()));
    }
    for (Object[] other :
        new Object[][] {
          {"--vocab", vocabulary},
          {"--probes", probes},
          {"--bits-per-coordinate", bits},
          {"--quantizer", quantizer}
        }) {
      if (other[1] != null) {
        throw usage(other[0] + " has no meaning with --plan or --round, which say it");
      }
    }
    Setting setting;
    if (plan != null) {
      String file = Locations.existing(plan).resourceId().toString();
      PlannedRound planned = PlannedRound.parse(Storage.read(file, PlainJson.MAX_BYTES), file);
      checkMean(planned);
      setting = Setting.of(planned, inputs(planned.vocabulary()));
    } else {
      RoundDirectory directory = Locations.round(round);
      PlannedRound planned = RoundRunner.plan(directory);
      checkMean(planned);
      Map<Input, Double> inputs = inputs(planned.vocabulary());
      setting =
          Storage.find(directory.manifest()).isPresent()
              ? Setting.of(CommittedRound.read(planned, directory), inputs)
              : Setting.of(planned, inputs);
    }
    if (clip == null) {
      return setting;
    }
    if (setting.clipsKnown() || setting.certificate().isPresent()) {
      throw usage("--clip has no meaning here: the clips are known");
    }
    try {
      return setting.withClips(each("--clip", clip, setting.nodes()));
    } catch (IllegalArgumentException e) {
      throw usage("--clip: " + e.getMessage());
    }
  }

  private static void checkMean(PlannedRound planned) throws BadInputException {
    if (planned.isRelative()) {
      throw new BadInputException(
          planned.source()
              + ": its channel is 'reference', and these bounds are of the other; what is certain of"
              + " it is in manifest.json");
    }
    if (planned.trim() > 0) {
      throw new BadInputException(
          planned.source()
              + ": its average is a trimmed mean, and these bounds are of a mean; what is certain of"
              + " it is the worst case in manifest.json");
    }
  }

  private Map<Input, Double> inputs(int vocabulary) {
    Map<Input, Double> inputs = new EnumMap<>(Input.class);
    for (Input input : Input.values()) {
      Double value = spec.findOption(input.option()).getValue();
      if (value != null) {
        if (!input.allows(value, vocabulary)) {
          throw usage(
              input.option() + ": found " + value + ", expected " + input.range(vocabulary));
        }
        inputs.put(input, value);
      }
    }
    return inputs;
  }

  private PlannedRound drafted() throws IOException {
    if (vocabulary == null || probes == null || bits == null) {
      throw usage("--nodes needs --vocab, --probes and --bits-per-coordinate beside it");
    }
    if (nodes < 1 || nodes > 1 << 16) {
      throw usage("--nodes must be 1 to 65536, got " + nodes);
    }
    PlanDraft draft = new PlanDraft("bounds", probes, vocabulary);
    double[] each = each("--bits-per-coordinate", bits, nodes);
    IntStream.range(0, nodes).forEach(i -> draft.withNode("n" + i, each[i]));
    if (quantizer != null) {
      draft.withQuantizer(quantizer);
    }
    if (clip != null) {
      double[] levels = each("--clip", clip, nodes);
      for (double level : levels) {
        if (!(level > 0 && level < Double.POSITIVE_INFINITY)) {
          throw usage("--clip must be above 0 logits and finite, got " + level);
        }
      }
      draft.withClip(PlanDraft.fixedClips(Arrays.stream(levels).boxed().toList()));
    } else {
      draft.withClip(new ClipPolicy("auto", null, null));
    }
    try {
      return draft.finish("the command line");
    } catch (BadPlanException e) {
      throw usage(e.getMessage());
    }
  }

  private double[] each(String option, List<Double> values, int count) {
    if (values.size() != 1 && values.size() != count) {
      throw usage(
          option + ": found " + values.size() + " values, expected 1 or " + count + ", one a node");
    }
    double[] each = new double[count];
    Arrays.setAll(each, i -> values.get(values.size() == 1 ? 0 : i));
    return each;
  }

  // ---- for people ----

  private static String explained(Bound bound) {
    StringBuilder text = new StringBuilder();
    text.append(bound.id()).append("  ").append(bound.name()).append('\n');
    text.append("  source       ").append(bound.source());
    text.append("; THEORY ").append(bound.section()).append('\n');
    text.append("  bounds       ").append(bound.kind().words());
    text.append(bound.kind().unit().isEmpty() ? "" : ", " + bound.kind().unit()).append('\n');
    text.append("  formula      ").append(bound.formula()).append('\n');
    String label = "  assumes      ";
    for (String assumption : bound.assumptions()) {
      text.append(label).append(assumption).append('\n');
      label = "               ";
    }
    if (!bound.options().isEmpty()) {
      text.append("  needs        ").append(String.join(", ", bound.options())).append('\n');
    }
    return text.toString();
  }

  private String forPeople(Setting setting, List<Bound.Result> results) {
    StringBuilder text = new StringBuilder();
    text.append(source(setting))
        .append(": ")
        .append(Texts.count(setting.nodes(), "node"))
        .append(", ")
        .append(Texts.count(setting.round().plan().getProbes(), "probe"))
        .append(" of ")
        .append(setting.round().vocabulary())
        .append(" logits, quantizer ")
        .append(setting.round().plan().getQuantizer())
        .append('\n');
    for (Bound.Kind kind : Bound.Kind.values()) {
      List<Bound.Result> those =
          results.stream().filter(result -> result.bound().kind() == kind).toList();
      text.append('\n').append(kind.words());
      text.append(kind.unit().isEmpty() ? "" : ", " + kind.unit()).append('\n');
      Texts.Table table = new Texts.Table("bound", "value", "", "THEORY", "");
      for (Bound.Result result : those) {
        table.row(
            result.bound().id(),
            value(result),
            result.bound().name(),
            result.bound().section(),
            suffix(result).strip());
      }
      text.append(table);
    }
    setting.certificate().ifPresent(certificate -> text.append(measured(certificate)));
    text.append("\n'sluice bounds --explain ID' says what a bound assumes.\n");
    return text.toString();
  }

  private static String measured(Certificate certificate) {
    return "\ncertificate of the round, nats: upper "
        + Texts.number(certificate.getUpper())
        + ", lower "
        + Texts.number(certificate.getLower())
        + ", worst case "
        + Texts.number(certificate.getWorstCase())
        + "\n";
  }

  private static String value(Bound.Result result) {
    OptionalDouble shown = result.shown();
    return shown.isEmpty() || Double.isInfinite(shown.getAsDouble())
        ? "-"
        : Texts.number(shown.getAsDouble());
  }

  /** What there is to say beside a value. */
  private static String suffix(Bound.Result result) {
    List<String> words = new ArrayList<>();
    if (!result.needs().isEmpty()) {
      words.add(result.bound().formula() + "; needs " + String.join(", ", result.needs()));
    }
    if (!result.vacuous().isEmpty()) {
      words.add("vacuous: " + result.vacuous());
    }
    if (!result.note().isEmpty()) {
      words.add(result.note());
    }
    return words.isEmpty() ? "" : "   " + String.join("; ", words);
  }

  private String source(Setting setting) {
    return nodes != null
        ? "command line"
        : plan != null
            ? "plan " + setting.round().plan().getId()
            : (setting.certificate().isPresent() ? "round " : "round, not done yet, ")
                + setting.round().plan().getId();
  }

  // ---- for programs ----

  private Bounds document(Setting setting, List<Bound.Result> results) {
    return Bounds.newBuilder()
        .setFormat(FORMAT)
        .setSource(nodes != null ? "command line" : plan != null ? plan : round)
        .setRound(nodes != null ? null : setting.round().plan().getId())
        .setNodes(setting.nodes())
        .setVocabulary(setting.round().vocabulary())
        .setProbes(setting.round().plan().getProbes())
        .setQuantizer(setting.round().plan().getQuantizer())
        .setInputs(
            Arrays.stream(Input.values())
                .filter(setting.inputs()::containsKey)
                .map(input -> new BoundInput(input.option(), setting.inputs().get(input)))
                .toList())
        .setCertificate(
            setting
                .certificate()
                .map(
                    certificate ->
                        new BoundCertificate(
                            certificate.getUpper(),
                            certificate.getLower(),
                            certificate.getWorstCase()))
                .orElse(null))
        .setBounds(results.stream().map(BoundsCommand::record).toList())
        .build();
  }

  private static BoundValue record(Bound.Result result) {
    Bound bound = result.bound();
    OptionalDouble value = result.value();
    return BoundValue.newBuilder()
        .setId(bound.id())
        .setName(bound.name())
        .setSource(bound.source())
        .setSection(bound.section())
        .setBounds(bound.kind().words())
        .setUnit(bound.kind().unit())
        .setFormula(bound.formula())
        .setAssumptions(bound.assumptions())
        .setValue(
            value.isPresent() && Double.isFinite(value.getAsDouble()) ? value.getAsDouble() : null)
        .setNeeds(result.needs())
        .setVacuous(result.vacuous().isEmpty() ? null : result.vacuous())
        .setNote(result.note().isEmpty() ? null : result.note())
        .build();
  }
}
