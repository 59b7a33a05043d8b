package dev.sluice.runners;

import dev.sluice.pipelines.SimulateFpld;
import dev.sluice.runners.RunnerChoice.Engine;
import dev.sluice.schemas.Perplexity;
import dev.sluice.schemas.SimulatedAnswers;
import dev.sluice.schemas.SimulatedChannel;
import dev.sluice.schemas.Simulation;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.distillation.StudentSettings;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.simulation.CommitSimulation;
import dev.sluice.transforms.simulation.SimulationSettings;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice simulate}. */
@Command(
    name = "simulate",
    description = {
      "Plays federated distillation through on a text: what bits cost in perplexity.",
      "",
      "The counterpart of the papers' experiments E3 (perplexity) and E5 (answers) without their"
          + " models' weights: sites are interpolated n-gram models of parts of the text, the"
          + " student is softmax-linear over hashed n-grams. Its figures are of these models, not"
          + " the papers' of GPT-2. The channel is that of a round: encoded, averaged and certified"
          + " by the same code.",
      "",
      "The text, UTF-8, is split at white space; a line's end is a word too. In its order, 8 %% are a"
          + " public text whose word frequencies every model starts from, 8 %% a public text whose"
          + " contexts are the probes, 68 %% the sites' private shards, one run of lines each, 8 %%"
          + " the text that questions are asked about, and 8 %% held out. No model counts the words"
          + " that follow probes, the questions' text or what is held out; the vocabulary is that of"
          + " the whole.",
      "",
      "Each round: every site fine-tunes the last student by its own counts, sends its logits on the"
          + " probes, the hub averages and distils a student from the teacher, and broadcasts it."
          + " This is done once for every bit width, once without quantisation ('none') and once"
          + " with averaged probabilities ('feddf'); probes, orders and dither are common to all."
          + " Teachers are measured on the held-out contexts through the same channel. In the end"
          + " the sites answer cloze questions (which of 8 words comes next) with the student"
          + " fine-tuned by their own counts, and conformal sets are calibrated for alpha .1.",
      "",
      "The student's settings, which no option changes, and the default sizes were chosen with"
          + " WikiText-2's text in view and no part of it kept apart for that: figures on that text"
          + " may flatter the student. Teachers on held-out contexts take their 'auto' clips from"
          + " the nodes' logits on those contexts.",
      "",
      "Writes simulation.json, and prints it as tables. Time grows with bit widths times rounds"
          + " times probes times vocabulary; at the defaults, four bit widths and 460000 words take"
          + " some three minutes on two idle cores, and a bit width takes about 400 MB while it runs."
    },
    footer = {
      "",
      "Example:",
      "  sluice simulate --text valid.txt --text test.txt --nodes 4 --bits 2,4,8 --out simulation"
    })
final class SimulateCommand extends SluiceCommand {
  private static final StudentSettings STUDENT = new StudentSettings(16, 16, 0.3, 0, 1e-3);
  private static final int ORDER = 2;

  @Option(
      names = "--text",
      required = true,
      paramLabel = "FILE",
      description = "UTF-8 text, at most 64 MiB. Several are read one after the other.")
  private List<String> texts;

  @Option(names = "--nodes", required = true, paramLabel = "K", description = "Sites, 1 to 64.")
  private int nodes;

  @Option(
      names = "--bits",
      split = ",",
      paramLabel = "b",
      description = "Bits per coordinate of the uplinks, each 1 to 16. Default: 2,4,6,8.")
  private List<Double> bits = List.of(2.0, 4.0, 6.0, 8.0);

  @Option(
      names = "--rounds",
      defaultValue = "2",
      paramLabel = "T",
      description = "Rounds. Default: ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(
      names = "--vocab",
      defaultValue = "4096",
      paramLabel = "V",
      description =
          "Words kept, the most frequent ones, 3 to 65536; others are '<unk>'. Default:"
              + " ${DEFAULT-VALUE}.")
  private int vocabulary;

  @Option(
      names = "--probes",
      defaultValue = "6000",
      paramLabel = "m",
      description =
          "Public contexts, all different in their last two words. More make a better student:"
              + " it knows little of words that end no probe. Default: ${DEFAULT-VALUE}.")
  private int probes;

  @Option(
      names = "--held-out",
      defaultValue = "3000",
      paramLabel = "N",
      description =
          "Most held-out words that perplexity is over, drawn from those there are. Default:"
              + " ${DEFAULT-VALUE}.")
  private int heldOut;

  @Option(
      names = "--seed",
      defaultValue = "1",
      description = "Seed of the dither and of all that is drawn. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--out",
      defaultValue = "sluice-simulation",
      paramLabel = "DIR",
      description =
          "Where to write; an earlier simulation there is replaced when this one is complete."
              + " Default: ${DEFAULT-VALUE}.")
  private String out;

  @Mixin private RunnerOptions runner;

  @Override
  public Integer call() throws IOException {
    RunnerChoice choice = runner.choice();
    if (choice.engine() == Engine.AUTO) {
      choice = RunnerChoice.direct().withParallelism(choice.parallelism());
    }
    String root = Locations.of(out);
    SimulationSettings settings = settings();
    checkMemory(settings, choice);
    Simulation simulation = simulate(settings, choice, root);
    print(simulation);
    out().println("written to " + CommitSimulation.document(root));
    out().println("page       " + CommitSimulation.page(root));
    return ExitCodes.OK;
  }

  private SimulationSettings settings() throws IOException {
    List<String> files = new ArrayList<>();
    for (String text : texts) {
      Locations.existing(text);
      files.add(Locations.of(text));
    }
    try {
      return new SimulationSettings(
          files, nodes, bits, rounds, vocabulary, probes, heldOut, seed, STUDENT, ORDER);
    } catch (IllegalArgumentException e) {
      throw usage("--" + e.getMessage());
    }
  }

  /** On a cluster each worker has a heap of its own, of which nothing is known here. */
  private static void checkMemory(SimulationSettings settings, RunnerChoice choice)
      throws BadInputException {
    int atOnce = Math.min(choice.parallelism(), settings.armCount());
    long needed = atOnce * settings.bytesOfAnArm();
    long room = (long) (0.85 * Runtime.getRuntime().maxMemory());
    if (choice.flinkMaster().isEmpty() && needed > room) {
      throw new BadInputException(
          "--vocab times --probes: "
              + atOnce
              + " bit widths at once would take about "
              + Texts.bytes(needed)
              + ", expected at most "
              + Texts.bytes(room)
              + "; ask for fewer of either, --parallelism 1, or a larger heap:"
              + " SLUICE_JAVA_OPTS=-Xmx4g");
    }
  }

  private Simulation simulate(SimulationSettings settings, RunnerChoice choice, String root)
      throws IOException {
    String document = CommitSimulation.document(root);
    String attempt = UUID.randomUUID().toString();
    String aside = root + "/.attempt-" + attempt;
    long work = (settings.armCount() - 1L) * settings.rounds() + 2;
    return new Attempt("simulate", root, List.of(aside))
        .run(
            choice,
            progress(),
            new Attempt.Work(work, "rounds", 1),
            pipeline -> SimulateFpld.build(pipeline, settings, root, aside),
            () -> {
              if (Storage.find(aside + "/" + CommitSimulation.DONE).isEmpty()) {
                throw new IOException(
                    root
                        + ": the runner ended before all was done (out of memory? a larger heap:"
                        + " SLUICE_JAVA_OPTS=-Xmx2g); nothing is committed, run it again");
              }
              return PlainJson.read(
                  Simulation.class,
                  Simulation.getClassSchema(),
                  Storage.read(document, PlainJson.MAX_BYTES),
                  document);
            });
  }

  // ---- for people ----

  private void print(Simulation s) {
    out()
        .printf(
            Locale.ROOT,
            "%s.%n%n%d words, V = %d; %d nodes with %d to %d words each; %d probes; %s.%n"
                + "Perplexity of %d held-out words; +- is the standard error, of the text, common to"
                + " all models,%nand of nats above none that of the differences on the same words."
                + "%n%n",
            s.getTitle(),
            s.getTexts().stream().mapToLong(text -> text.getTokens()).sum(),
            s.getVocabulary(),
            s.getNodes(),
            s.getShardTokens().stream().mapToLong(Long::longValue).min().orElseThrow(),
            s.getShardTokens().stream().mapToLong(Long::longValue).max().orElseThrow(),
            s.getProbes(),
            Texts.count(s.getRounds(), "round"),
            s.getHeldOutTokens());
    Texts.Table references = new Texts.Table("without rounds", "perplexity", "+-");
    for (Perplexity p : s.getPerplexities()) {
      if (p.getRound() == 0) {
        references.row(
            p.getModel() + (p.getNode() == null ? "" : " " + p.getNode() + " alone"),
            perplexity(p),
            fixed(p.getPerplexity() * p.getNllStandardError(), 1));
      }
    }
    out().println(references);
    students(s);
    channels(s);
    answers(s);
  }

  /** A row for each arm, a column for each round; the last round's excess over 'none'. */
  private void students(Simulation s) {
    List<String> headings = new ArrayList<>(List.of("bits per coordinate"));
    for (String model : List.of("teacher", "student")) {
      for (int round = 1; round <= s.getRounds(); round++) {
        headings.add(model + ", round " + round);
      }
    }
    headings.add("nats above none");
    headings.add("+-");
    Texts.Table table = new Texts.Table(headings.toArray(String[]::new));
    for (Perplexity last : s.getPerplexities()) {
      if (last.getRound() != s.getRounds() || last.getModel().equals("teacher")) {
        continue;
      }
      List<String> cells = new ArrayList<>();
      cells.add(last.getBits() == null ? last.getModel() : Texts.number(last.getBits()));
      boolean feddf = last.getModel().equals("feddf");
      for (int round = 1; round <= s.getRounds(); round++) {
        cells.add(feddf ? "-" : find(s, "teacher", last.getBits(), round));
      }
      for (int round = 1; round <= s.getRounds(); round++) {
        cells.add(find(s, last.getModel(), last.getBits(), round));
      }
      cells.add(fixed(last.getExcess(), 6));
      cells.add(fixed(last.getExcessStandardError(), 6));
      table.row(cells.toArray(String[]::new));
    }
    out().println(table);
  }

  private static String find(Simulation s, String model, Double bits, int round) {
    return s.getPerplexities().stream()
        .filter(
            p ->
                p.getModel().equals(model)
                    && Objects.equals(p.getBits(), bits)
                    && p.getRound() == round)
        .map(SimulateCommand::perplexity)
        .findFirst()
        .orElse("-");
  }

  private void channels(Simulation s) {
    if (s.getChannels().isEmpty()) {
      return;
    }
    Texts.Table table =
        new Texts.Table(
            "bits per coordinate", "round", "KL, nats", "+-", "(L)", "(U)", "fit", "bits sent");
    for (SimulatedChannel c : s.getChannels()) {
      table.row(
          Texts.number(c.getBits()),
          "" + c.getRound(),
          scientific(c.getKl()),
          scientific(c.getKlStandardError()),
          scientific(c.getLower()),
          scientific(c.getUpper()),
          scientific(c.getFit()),
          "" + c.getUplinkBits());
    }
    out()
        .println(
            "On the probes: KL(softmax of the mean logits || teacher) between the bounds of its"
                + " expectation, and\nKL(teacher || student), which a table would bring to 0.\n"
                + table);
  }

  private void answers(Simulation s) {
    Texts.Table table =
        new Texts.Table(
            "student's bits",
            "perplexity",
            "coverage",
            "low",
            "high",
            "mean set size",
            "+-",
            "accuracy");
    for (SimulatedAnswers a : s.getAnswers()) {
      table.row(
          a.getBits() == null ? "none" : Texts.number(a.getBits()),
          fixed(a.getPerplexity(), 3),
          fixed(a.getCoverage(), 4),
          fixed(a.getLow(), 4),
          fixed(a.getHigh(), 4),
          fixed(a.getSetSize(), 4),
          fixed(a.getSetSizeError(), 4),
          fixed(a.getAccuracy(), 4));
    }
    SimulatedAnswers first = s.getAnswers().get(0);
    out()
        .printf(
            Locale.ROOT,
            "Answer sets at alpha %s: %d questions of %d candidates, %d more to calibrate; %d bits of"
                + " scores a question%nand %d of calibration, per node. low and high: 95 %% by Clopper"
                + " and Pearson, for the threshold as it%nis; the guarantee is over calibrations too."
                + " +-: standard error over questions.%n%s%n",
            first.getAlpha(),
            first.getQueries(),
            first.getCandidates(),
            first.getCalibration(),
            first.getScoreBits(),
            first.getCalibrationBits(),
            table);
  }

  private static String perplexity(Perplexity p) {
    return fixed(p.getPerplexity(), 3);
  }

  private static String fixed(double value, int digits) {
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }

  private static String scientific(double value) {
    return String.format(Locale.ROOT, "%.3e", value);
  }
}
