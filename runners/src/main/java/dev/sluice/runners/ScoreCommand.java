package dev.sluice.runners;

import dev.sluice.pipelines.site.PassageScorer;
import dev.sluice.schemas.ScoreChannel;
import dev.sluice.schemas.tables.TableReader;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.ScoreBudget;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.scores.NodeChannel;
import dev.sluice.transforms.scores.ScoreDirectory;
import dev.sluice.transforms.scores.ScoreNames;
import dev.sluice.transforms.scores.ScoreTable;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.beam.sdk.io.fs.MatchResult;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A site's answers to public queries. */
@Command(
    name = "score",
    description = {
      "Score candidate answers to public queries at a site, and write them, quantised within a"
          + " budget of bits a query, to DIR/scores/NODE/.",
      "",
      "With the site's own passages (BM25 and a smoothed language model of what is found):",
      "  sluice score --corpus passages.csv --queries queries.csv --candidates a,b,c --node n0"
          + " --bits 16 --round DIR",
      "or with scores that something else has made:",
      "  sluice score --scores scores.csv --candidates a,b,c --node n0 --bits 16 --round DIR",
      "",
      "Tables are UTF-8 CSV with a header, or JSON lines (.jsonl, .ndjson), or, for scores, Avro:",
      "  passages  passage,text (other columns are not read)",
      "  queries   query,text[,group][,truth]",
      "  scores    query,candidate,score[,group][,truth][,node]; rows in any order",
      "The same scores give the same bytes. An earlier scoring is replaced when the new one is"
          + " whole, and untouched if it fails.",
      ""
    })
final class ScoreCommand extends SluiceCommand {
  private static final int MAX_LIST_BYTES = 4 << 20;
  private static final int MAX_PASSAGES = 1000;

  @Option(
      names = "--round",
      required = true,
      paramLabel = "DIR",
      description = "Directory of scores, the same for all nodes; made where it is not there.")
  private String round;

  @Option(names = "--node", required = true, paramLabel = "NAME", description = "This site's name.")
  private String node;

  @Option(
      names = "--bits",
      required = true,
      paramLabel = "B",
      description =
          "Bits a query, for which candidates and their scores together. What they do not pay for"
              + " is not sent.")
  private int bits;

  @Option(names = "--scores", paramLabel = "FILE", description = "Table of scores, in nats.")
  private String scores;

  @Option(
      names = "--corpus",
      paramLabel = "FILE",
      description =
          "Table of this site's passages. A query's own rows, passages of its name or its text, are"
              + " left out of what it retrieves and of the language model. They still count in"
              + " BM25's idf and average length, so calibration and test queries should both have"
              + " rows of their own here, or neither.")
  private String corpus;

  @Option(
      names = "--queries",
      paramLabel = "FILE",
      description = "Table of queries, with --corpus.")
  private String queries;

  @Option(
      names = "--candidates",
      paramLabel = "NAME,...",
      description =
          "The answers to choose from, 1 to 4096, in the same order at all nodes. Default with"
              + " --scores: those in the table, sorted.")
  private String candidates;

  @Option(
      names = "--candidates-file",
      paramLabel = "FILE",
      description = "The same, one a line, for names with commas. A blank last line is not read.")
  private String candidatesFile;

  @Option(
      names = "--top",
      paramLabel = "K",
      description =
          "Send the K candidates of least score, or fewer where B does not pay for as many."
              + " Default: all candidates.")
  private Integer top;

  @Option(
      names = "--max-score",
      paramLabel = "S",
      defaultValue = "20",
      description =
          "Scores are in 0 to S nats, 2^-8 to 2^20; the quantiser's step grows with S."
              + " Default: ${DEFAULT-VALUE}.")
  private double maxScore;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Seed of the dither: the same for calibration and test queries of a node."
              + " Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--passages-per-query",
      paramLabel = "K",
      description = "Passages that a query retrieves, 1 to 1000, with --corpus. Default: 5.")
  private Integer passagesPerQuery;

  @Option(
      names = "--lambda",
      paramLabel = "L",
      description =
          "Weight of those passages against the whole corpus, at least 0 and below 1, with"
              + " --corpus. Default: 0.5.")
  private Double lambda;

  @Option(
      names = "--scorer",
      paramLabel = "NAME",
      description =
          "What made the scores, with --scores: calibration and test queries need the same."
              + " Default: external.")
  private String scorer;

  @Option(
      names = "--out-of-range",
      paramLabel = "error|clip",
      defaultValue = "error",
      description =
          "What a score outside 0 to S is. error: a mistake, nothing is sent. clip: moved to the"
              + " nearer end (nan: to S) and counted. Default: ${DEFAULT-VALUE}.")
  private String outOfRange;

  @Option(
      names = "--labels",
      paramLabel = "DIR",
      description =
          "Write true answers to DIR/labels/NODE/, for a site that keeps them. Default: the"
              + " directory of --round.")
  private String labels;

  @Option(
      names = "--runner",
      paramLabel = "direct|flink",
      defaultValue = "direct",
      description =
          "Beam runner. direct: starts fast, one process. flink: Flink inside this process."
              + " Default: ${DEFAULT-VALUE}.")
  private String runner;

  @Option(
      names = "--parallelism",
      paramLabel = "P",
      description =
          "Parts at once, 1 to 16. Default: the number of processors. The files do not depend on"
              + " it.")
  private Integer parallelism;

  @Override
  public Integer call() throws IOException {
    boolean external = external();
    checkNumbers();
    RunnerChoice choice = choice();
    OutOfRange range =
        switch (outOfRange) {
          case "error" -> OutOfRange.REFUSE;
          case "clip" -> OutOfRange.CLIP;
          default ->
              throw usage("--out-of-range: found '" + outOfRange + "', expected 'error' or 'clip'");
        };
    ScoreDirectory target = directory(round);
    ScoreDirectory labelled = labels == null ? target : directory(labels);
    List<String> list = candidates(external);
    NodeChannel channel = channel(list, external);
    reportAttempts(new RoundDirectory(target.root()));
    ScoreRunner answers = new ScoreRunner(progress(), choice, range, target, labelled);
    ScoreRunner.Answered answered =
        external
            ? answers.answer(channel, file(scores))
            : answers.answer(channel, file(corpus), file(queries), passagesPerQuery(), lambda());
    out().print(summary(answered, target));
    out().println("written to " + target.scores(node));
    if (answered.channel().document().getLabelled() > 0) {
      out().println("labels in " + labelled.labels(node));
    }
    return ExitCodes.OK;
  }

  /** Whether the scores come from a table. */
  private boolean external() {
    if (scores != null) {
      refuseWith("--scores", "--corpus", corpus);
      refuseWith("--scores", "--queries", queries);
      refuseWith("--scores", "--passages-per-query", passagesPerQuery);
      refuseWith("--scores", "--lambda", lambda);
      return true;
    }
    if (corpus == null || queries == null) {
      throw usage(
          corpus == null && queries == null
              ? "--scores, or --corpus and --queries, must be given"
              : (corpus == null ? "--queries needs --corpus" : "--corpus needs --queries"));
    }
    refuseWith("--corpus", "--scorer", scorer);
    return false;
  }

  private void refuseWith(String one, String other, Object value) {
    if (value != null) {
      throw usage(other + " cannot be given with " + one);
    }
  }

  private void checkNumbers() {
    if (!PlannedRound.isName(node)) {
      throw usage(
          "--node: found '"
              + Texts.printable(node)
              + "', expected 1 to 64 of [A-Za-z0-9._-] that begin with a letter or a digit");
    }
    if (bits < 1 || bits > NodeChannel.MAX_BITS) {
      throw usage("--bits must be 1 to " + NodeChannel.MAX_BITS + ", got " + bits);
    }
    if (!(maxScore >= ScoreQuantizer.MIN_RANGE && maxScore <= ScoreQuantizer.MAX_RANGE)) {
      throw usage("--max-score must be 2^-8 to 2^20 nats, got " + maxScore);
    }
    if (passagesPerQuery() < 1 || passagesPerQuery() > MAX_PASSAGES) {
      throw usage(
          "--passages-per-query must be 1 to " + MAX_PASSAGES + ", got " + passagesPerQuery());
    }
    if (!(lambda() >= 0 && lambda() < 1)) {
      throw usage("--lambda must be at least 0 and below 1, got " + lambda());
    }
    if (scorer != null) {
      Optional<String> fault = ScoreNames.fault(scorer);
      if (fault.isPresent()) {
        throw usage("--scorer: found a name that " + fault.get() + ", expected plain text");
      }
    }
  }

  private int passagesPerQuery() {
    return passagesPerQuery == null ? 5 : passagesPerQuery;
  }

  private double lambda() {
    return lambda == null ? 0.5 : lambda;
  }

  private RunnerChoice choice() {
    RunnerChoice choice =
        switch (runner) {
          case "direct" -> RunnerChoice.direct();
          case "flink" -> RunnerChoice.flink();
          default -> throw usage("--runner: found '" + runner + "', expected 'direct' or 'flink'");
        };
    return RunnerOptions.parallel(choice, parallelism, this::usage);
  }

  private static ScoreDirectory directory(String typed) throws IOException {
    try {
      return new ScoreDirectory(Locations.of(typed));
    } catch (IllegalArgumentException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }

  private static String file(String typed) throws IOException {
    return Locations.existing(typed).resourceId().toString();
  }

  private List<String> candidates(boolean external) throws IOException {
    if (candidates != null) {
      refuseWith("--candidates", "--candidates-file", candidatesFile);
      return checked(Arrays.stream(candidates.split(",", -1)).map(String::strip).toList());
    }
    if (candidatesFile != null) {
      return listed(file(candidatesFile));
    }
    if (!external) {
      throw usage("--corpus needs --candidates or --candidates-file");
    }
    List<String> found = ScoreTable.candidates(file(scores));
    err()
        .println(
            "sluice: the candidates are those in "
                + scores
                + ", sorted: "
                + candidateNames(found)
                + ". All nodes need the same list; --candidates says it");
    err().flush();
    return found;
  }

  private List<String> checked(List<String> names) {
    if (names.size() > ScoreBudget.MAX_LIST) {
      throw usage(
          "--candidates must be 1 to " + ScoreBudget.MAX_LIST + " candidates, got " + names.size());
    }
    Optional<String> fault = ScoreNames.listFault(names);
    if (fault.isPresent()) {
      throw usage(
          "--candidates: found "
              + Texts.printable(fault.get())
              + ", expected plain names, each once");
    }
    return names;
  }

  /** The candidates of a file, one a line. */
  private static List<String> listed(String file) throws IOException {
    List<String> names = lines(file);
    if (!names.isEmpty() && names.get(names.size() - 1).isBlank()) {
      names.remove(names.size() - 1);
    }
    if (names.isEmpty() || names.size() > ScoreBudget.MAX_LIST) {
      throw new BadInputException(
          file
              + ": found "
              + (names.isEmpty() ? "no" : names.size())
              + " candidates, expected 1 to "
              + ScoreBudget.MAX_LIST
              + ", one per line");
    }
    Map<String, Integer> lines = new HashMap<>();
    for (int i = 0; i < names.size(); i++) {
      String name = names.get(i);
      String place = file + ": line " + (i + 1) + ": found ";
      if (name.isBlank()) {
        throw new BadInputException(place + "a blank line, expected a candidate");
      }
      Optional<String> fault = ScoreNames.fault(name);
      if (fault.isPresent()) {
        throw new BadInputException(place + "a name that " + fault.get() + ", expected plain text");
      }
      Integer first = lines.putIfAbsent(name, i + 1);
      if (first != null) {
        throw new BadInputException(
            place + TableReader.shown(name) + ", which line " + first + " has, expected each once");
      }
    }
    return names;
  }

  /** The first few candidates; quoted where a comma or a quote would make two of one. */
  private static String candidateNames(List<String> names) {
    return names(
        names.stream()
            .map(
                name ->
                    name.contains(",") || name.contains("\"")
                        ? "\"" + name.replace("\"", "\"\"") + "\""
                        : name)
            .toList());
  }

  private static List<String> lines(String file) throws IOException {
    String text;
    try {
      text =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(Storage.read(file, MAX_LIST_BYTES)))
              .toString();
    } catch (CharacterCodingException e) {
      throw new BadInputException(file + ": found bytes that are not UTF-8, expected a list", e);
    }
    return new ArrayList<>((text.startsWith("\ufeff") ? text.substring(1) : text).lines().toList());
  }

  private NodeChannel channel(List<String> list, boolean external) throws IOException {
    if (top != null && (top < 1 || top > list.size())) {
      throw usage("--top must be 1 to " + list.size() + ", the candidates, got " + top);
    }
    int wanted = top == null ? list.size() : top;
    try {
      ScoreBudget.of(bits, list.size(), wanted);
    } catch (IllegalArgumentException e) {
      throw usage("--bits: " + e.getMessage());
    }
    String by =
        external
            ? (scorer == null ? "external" : scorer)
            : PassageScorer.name(passagesPerQuery(), lambda());
    return NodeChannel.draft(node, list, bits, wanted, maxScore, seed, by);
  }

  private String summary(ScoreRunner.Answered answered, ScoreDirectory target) throws IOException {
    ScoreChannel sent = answered.channel().document();
    ScoreBudget budget = answered.channel().budget();
    long bytes = 0;
    for (MatchResult.Metadata file : Storage.match(target.scores(node) + "/scores-*.avro")) {
      bytes += file.sizeBytes();
    }
    int coarse = budget.symbols();
    int fine = coarse + 1;
    return "node       "
        + node
        + ": "
        + Texts.queries(sent.getQueries())
        + ", "
        + sent.getLabelled()
        + " labelled, in "
        + Texts.count(sent.getFiles().size(), "file")
        + ", "
        + Texts.bytes(bytes)
        + "\nscorer     "
        + Texts.printable(sent.getScorer())
        + (answered.passages() > 0 ? " over " + Texts.count(answered.passages(), "passage") : "")
        + (answered.own() > 0
            ? "\nown rows   "
                + Texts.queries(answered.own())
                + (answered.own() == 1 ? " has" : " have")
                + " rows of their own among the passages, left out of retrieval and of the"
                + " language model; those of test queries should be there too, or none"
            : "")
        + "\ncandidates "
        + candidateNames(sent.getCandidates())
        + (budget.sent() == budget.listSize()
            ? "; all " + budget.sent() + " are sent"
            : "; the " + budget.sent() + " of least score are sent")
        + (budget.sent() < sent.getTop() ? " (the bits do not pay for " + sent.getTop() + ")" : "")
        + "\nbits/query "
        + budget.packetBits()
        + " (budget "
        + budget.bits()
        + "): "
        + budget.identityBits()
        + " for which candidates, "
        + budget.scoreBits()
        + " for their scores"
        + "\nstep       "
        + step(coarse)
        + (budget.finer() > 0
            ? " for " + (budget.sent() - budget.finer()) + " of a query's scores, "
            : "")
        + (budget.finer() > 0 ? step(fine) + " for " + budget.finer() : "")
        + "\nclipped    "
        + Texts.count(sent.getClipped(), "score")
        + (answered.others() > 0
            ? "\npassed by  " + Texts.count(answered.others(), "row") + " of other nodes"
            : "")
        + "\n";
  }

  private String step(int symbols) {
    return String.format(
        Locale.ROOT,
        "%s nats (0 to %s in %d symbols)",
        Texts.number(maxScore / (symbols - 1)),
        Texts.number(maxScore),
        symbols);
  }
}
