package dev.sluice.transforms.scores;

import dev.sluice.schemas.ChannelNode;
import dev.sluice.schemas.GroupThreshold;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.Threshold;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.conformal.Alpha;
import dev.sluice.transforms.conformal.ConformalRank;
import dev.sluice.transforms.conformal.ScoreBudget;
import dev.sluice.transforms.conformal.SlackTerms;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InvalidObjectException;
import java.io.ObjectStreamException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A threshold.json that has been checked: which scores are in a set, for each group and alpha, and
 * the channel that this was calibrated on. FORMAT.md 10.4.
 *
 * <p>Immutable as long as nobody sets the document's fields; serialises as the bytes of
 * threshold.json, of which its digest is the SHA-256.
 */
public final class CalibratedThreshold implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Value of the document's field 'format'. */
  public static final String FORMAT = "sluice-threshold-1";

  private static final Set<String> METHODS = Set.copyOf(SummaryMethod.labels());
  private static final Set<String> WHY =
      Set.of("too-few-scores", "too-few-bits", "min-cell", "unscored-answers");
  private static final int MAX_DECIMAL = 40;

  private final byte[] json;
  private final String source;
  private final transient FieldCheck check;
  private final transient Threshold document;
  private final transient ArrayList<ScoreBudget> budgets; // by node
  private final transient Map<String, double[]> byGroup; // by alpha; the key of no group is null
  private final transient double[] everywhere; // of a group that was not calibrated

  private CalibratedThreshold(byte[] json, String source) throws IOException {
    this.json = json.clone();
    this.source = source;
    this.document = PlainJson.read(Threshold.class, Threshold.getClassSchema(), json, source);
    this.check = new FieldCheck(source);
    check.that("format", document.getFormat().equals(FORMAT), document.getFormat(), FORMAT);
    check.candidates(document.getCandidates());
    check.maxScore(document.getMaxScore());
    check.name("scorer", document.getScorer());
    this.budgets = budgets();
    checkTerms();
    this.everywhere = new double[alphas().size()];
    Arrays.fill(everywhere, Double.POSITIVE_INFINITY);
    this.byGroup = thresholds();
  }

  /**
   * Reads and checks a threshold.
   *
   * @param json bytes of threshold.json
   * @param source its name, for messages
   * @throws IOException that says what is wrong
   */
  public static CalibratedThreshold parse(byte[] json, String source) throws IOException {
    return new CalibratedThreshold(json, source);
  }

  /**
   * Reads and checks a directory's threshold.json.
   *
   * @throws IOException also where there is none
   */
  public static CalibratedThreshold read(ScoreDirectory directory) throws IOException {
    String file = directory.threshold();
    try {
      return parse(Storage.read(file, PlainJson.MAX_BYTES), file);
    } catch (FileNotFoundException e) {
      throw new BadInputException(file + ": no such file; run 'sluice calibrate' first", e);
    }
  }

  private Object readResolve() throws ObjectStreamException {
    try {
      return new CalibratedThreshold(json, source);
    } catch (IOException e) {
      throw new InvalidObjectException(e.getMessage());
    }
  }

  private ArrayList<ScoreBudget> budgets() throws BadInputException {
    List<ChannelNode> nodes = document.getNodes();
    check.that(
        "nodes",
        !nodes.isEmpty() && nodes.size() <= SwarmChannel.MAX_NODES,
        nodes.size() + " nodes",
        "1 to " + SwarmChannel.MAX_NODES);
    int least = document.getMinNodes();
    check.that(
        "minNodes",
        least >= 1 && least <= nodes.size(),
        "" + least,
        "1 to " + nodes.size() + ", the nodes");
    ArrayList<ScoreBudget> bought = new ArrayList<>();
    Map<List<Integer>, ScoreBudget> known = new HashMap<>(); // nodes are much alike
    for (int i = 0; i < nodes.size(); i++) {
      ChannelNode node = nodes.get(i);
      String at = "nodes[" + i + "].";
      check.node(at + "name", node.getName());
      check.that(
          at + "name",
          i == 0 || nodes.get(i - 1).getName().compareTo(node.getName()) < 0,
          node.getName(),
          "names in ascending order, each once");
      check.that(
          at + "bitsPerQuery",
          node.getBitsPerQuery() >= 1 && node.getBitsPerQuery() <= NodeChannel.MAX_BITS,
          "" + node.getBitsPerQuery(),
          "1 to " + NodeChannel.MAX_BITS);
      check.sha256(at + "channelDigest", node.getChannelDigest());
      check.count(at + "queries", node.getQueries());
      check.count(at + "owned", node.getOwned());
      check.count(at + "summaryBits", node.getSummaryBits());
      List<Integer> terms = List.of(node.getBitsPerQuery(), node.getTop());
      ScoreBudget budget = known.get(terms);
      if (budget == null) {
        try {
          budget =
              ScoreBudget.of(
                  node.getBitsPerQuery(), document.getCandidates().size(), node.getTop());
        } catch (IllegalArgumentException e) {
          throw new BadInputException(source + ": nodes[" + i + "]: " + e.getMessage(), e);
        }
        known.put(terms, budget);
      }
      bought.add(budget);
    }
    return bought;
  }

  private void checkTerms() throws BadInputException {
    check.that(
        "terms.method",
        METHODS.contains(document.getTerms().getMethod()),
        document.getTerms().getMethod(),
        "conservative, paper or kll");
    check.that("terms.alphas", !alphas().isEmpty(), "none", "at least one");
    for (int i = 0; i < alphas().size(); i++) {
      String at = "terms.alphas[" + i + "]";
      Alpha alpha = alpha(at, alphas().get(i));
      check.that(
          at,
          i == 0 || Alpha.of(alphas().get(i - 1)).compareTo(alpha) < 0,
          alphas().get(i),
          "ascending values, each once");
    }
    check.that(
        "delta",
        document.getDelta() > 0 && document.getDelta() < 1,
        "" + document.getDelta(),
        "a number in (0, 1)");
    check.count("queries", document.getQueries());
    check.that(
        "calibrated",
        document.getCalibrated() >= 0 && document.getCalibrated() <= document.getQueries(),
        "" + document.getCalibrated(),
        "0 to queries, " + document.getQueries());
  }

  private Alpha alpha(String field, String text) throws BadInputException {
    try {
      check.that(
          field, text.length() <= MAX_DECIMAL, text, "at most " + MAX_DECIMAL + " characters");
      return Alpha.of(text);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(
          check.message(field, text, "a decimal in (0, 1) with at most nine places"), e);
    }
  }

  private Map<String, double[]> thresholds() throws BadInputException {
    Map<Alpha, Integer> indices = new TreeMap<>();
    for (String text : alphas()) {
      indices.put(Alpha.of(text), indices.size());
    }
    Map<String, double[]> found = new HashMap<>();
    for (int i = 0; i < document.getThresholds().size(); i++) {
      GroupThreshold row = document.getThresholds().get(i);
      String at = "thresholds[" + i + "].";
      if (row.getGroup() != null) {
        check.that(at + "group", grouped(), row.getGroup(), "null, as terms.grouped is false");
        check.name(at + "group", row.getGroup());
      }
      Integer alpha = indices.get(alpha(at + "alpha", row.getAlpha()));
      check.that(at + "alpha", alpha != null, row.getAlpha(), "one of terms.alphas");
      double[] values = found.computeIfAbsent(row.getGroup(), group -> unset());
      check.that(
          at + "alpha",
          Double.isNaN(values[alpha]),
          row.getAlpha() + " again for group " + row.getGroup(),
          "every group and alpha once");
      values[alpha] = checkedThreshold(at, row);
    }
    check.that("thresholds", grouped() || found.size() == 1, "none", "one for every alpha");
    for (Map.Entry<String, double[]> group : found.entrySet()) {
      for (int a = 0; a < alphas().size(); a++) {
        check.that(
            "thresholds",
            !Double.isNaN(group.getValue()[a]),
            "none of group " + group.getKey() + " at alpha " + alphas().get(a),
            "one for every group and alpha");
        check.that(
            "thresholds",
            a == 0 || group.getValue()[a] <= group.getValue()[a - 1],
            group.getValue()[Math.min(a, alphas().size() - 1)]
                + " of group "
                + group.getKey()
                + " at alpha "
                + alphas().get(a),
            "at most that of the alpha before");
      }
    }
    return found;
  }

  private double[] unset() {
    double[] values = new double[alphas().size()];
    Arrays.fill(values, Double.NaN);
    return values;
  }

  private double checkedThreshold(String at, GroupThreshold row) throws BadInputException {
    check.count(at + "scores", row.getScores());
    check.that(
        at + "scores",
        row.getScores() <= document.getCalibrated(),
        "" + row.getScores(),
        "at most calibrated, " + document.getCalibrated());
    long rank = ConformalRank.of(Alpha.of(row.getAlpha()), row.getScores());
    check.that(
        at + "rank",
        row.getRank() == rank,
        "" + row.getRank(),
        rank + " of " + row.getScores() + " scores at alpha " + row.getAlpha());
    check.count(at + "certified", row.getCertified());
    check.that(
        at + "coverage",
        row.getCoverage() == null || (row.getCoverage() >= 0 && row.getCoverage() <= 1),
        "" + row.getCoverage(),
        "a number in [0, 1], or null");
    if (row.getThreshold() == null) {
      check.that(
          at + "why",
          row.getWhy() != null && WHY.contains(row.getWhy()),
          "" + row.getWhy(),
          "one of " + new TreeSet<>(WHY) + ", as the threshold is null");
      return Double.POSITIVE_INFINITY;
    }
    SummaryMethod method = SummaryMethod.of(document.getTerms().getMethod());
    check.that(
        at + "why", row.getWhy() == null, "" + row.getWhy(), "null, as the threshold is finite");
    check.that(
        at + "threshold",
        row.getThreshold() >= (method == SummaryMethod.PAPER ? -document.getMaxScore() : 0)
            && row.getThreshold() <= 2 * document.getMaxScore(),
        "" + row.getThreshold(),
        "a number of nats, at least 0 and at most twice maxScore, or null");
    check.that(
        at + "threshold",
        method == SummaryMethod.PAPER || rank <= row.getScores(),
        "" + row.getThreshold(),
        "null, as rank " + rank + " is above the number of scores");
    check.that(
        at + "certified",
        method != SummaryMethod.CONSERVATIVE || row.getCertified() >= rank,
        "" + row.getCertified(),
        "at least rank " + rank + ", as the threshold is finite");
    return row.getThreshold();
  }

  /** threshold.json as read. Treat as immutable. */
  public Threshold document() {
    return document;
  }

  /** SHA-256 of threshold.json. */
  Sha256 digest() {
    return new Sha256(CodeBlocks.sha256().digest(json));
  }

  /** The same in hexadecimal. */
  public String digestHex() {
    return HexFormat.of().formatHex(digest().bytes());
  }

  /** Where it was read. */
  public String source() {
    return source;
  }

  /** The answers, in order. Treat as immutable. */
  public List<String> candidates() {
    return document.getCandidates();
  }

  /** Miscoverage levels as decimals, ascending. Treat as immutable. */
  public List<String> alphas() {
    return document.getTerms().getAlphas();
  }

  /** Whether every group of queries has a threshold of its own. */
  public boolean grouped() {
    return document.getTerms().getGrouped();
  }

  /** Names of the nodes that it was calibrated with, ascending. */
  public List<String> nodes() {
    return document.getNodes().stream().map(ChannelNode::getName).toList();
  }

  /**
   * The largest score in a set, nats: +infinity where there is no bound, or where the group was not
   * calibrated.
   *
   * @param group a query's group, null for none; not looked at unless {@link #grouped()}
   * @param alpha index among {@link #alphas()}
   */
  public double threshold(String group, int alpha) {
    return byGroup.getOrDefault(grouped() ? group : null, everywhere)[alpha];
  }

  /** The same for one of {@link #alphas()}, written in any way. */
  public double threshold(String group, String alpha) {
    Alpha value = Alpha.of(alpha);
    for (int i = 0; i < alphas().size(); i++) {
      if (Alpha.of(alphas().get(i)).equals(value)) {
        return threshold(group, i);
      }
    }
    throw new IllegalArgumentException(
        "alpha must be one of " + String.join(", ", alphas()) + ", got " + alpha);
  }

  /** Whether queries are asked the calibrated question: without that there is no set at all. */
  public boolean hasCandidatesOf(SwarmChannel queries) {
    return candidates().equals(queries.candidates());
  }

  /**
   * How the channel of queries differs from the calibrated one, a sentence for each difference.
   * Seeds may differ: dither is drawn by the queries' names.
   *
   * @param queries of those calibrated nodes that are there
   */
  public List<String> mismatches(SwarmChannel queries) {
    List<String> differences = new ArrayList<>();
    if (!hasCandidatesOf(queries)) {
      differences.add(differentCandidates(queries.candidates()));
    }
    if (document.getMaxScore() != queries.maxScore()) {
      differences.add(
          "maxScore is " + queries.maxScore() + ", calibrated with " + document.getMaxScore());
    }
    if (!document.getScorer().equals(queries.scorer())) {
      differences.add(
          "scorer is '" + queries.scorer() + "', calibrated with '" + document.getScorer() + "'");
    }
    Map<String, NodeChannel> there = new HashMap<>();
    queries.nodes().forEach(node -> there.put(node.name(), node));
    for (ChannelNode node : document.getNodes()) {
      NodeChannel now = there.remove(node.getName());
      if (now == null) {
        differences.add("node '" + node.getName() + "' has no scores, calibrated with it");
      } else {
        differ(differences, node, "bitsPerQuery", now.document().getBitsPerQuery());
        differ(differences, node, "top", now.document().getTop());
      }
    }
    there.keySet().stream()
        .sorted()
        .forEach(name -> differences.add("node '" + name + "' was not calibrated with"));
    return differences;
  }

  private static void differ(List<String> differences, ChannelNode node, String field, int found) {
    int expected = field.equals("top") ? node.getTop() : node.getBitsPerQuery();
    if (found != expected) {
      differences.add(
          "node '"
              + node.getName()
              + "': "
              + field
              + " is "
              + found
              + ", calibrated with "
              + expected);
    }
  }

  private String differentCandidates(List<String> found) {
    if (found.size() != candidates().size()) {
      return "there are " + found.size() + " candidates, calibrated with " + candidates().size();
    }
    int i = 0;
    while (found.get(i).equals(candidates().get(i))) {
      i++;
    }
    return "candidate "
        + (i + 1)
        + " is '"
        + NodeChannel.shown(found.get(i))
        + "', calibrated with '"
        + NodeChannel.shown(candidates().get(i))
        + "'";
  }

  /**
   * What the published bound takes from the guarantee for queries of another channel, per unit of
   * the scores' density bound: {@code sqrt(sum v_cal)/K + sqrt(sum v_test)/K}, nats, as calibration
   * and test are each that far from unquantised scores. THEORY 7.4.
   *
   * @return empty where no bound applies: other nodes, another scorer or other candidates, or a
   *     node that scores only some of the candidates
   */
  public OptionalDouble channelSlack(SwarmChannel queries) {
    boolean applies =
        hasCandidatesOf(queries)
            && document.getMaxScore() == queries.maxScore()
            && document.getNodes().stream().allMatch(node -> node.getClipped() == 0)
            && queries.isWhole()
            && document.getScorer().equals(queries.scorer())
            && nodes().equals(queries.nodes().stream().map(NodeChannel::name).toList())
            && budgets.stream().allMatch(CalibratedThreshold::scoresAll);
    if (!applies) {
      return OptionalDouble.empty();
    }
    double[] before =
        budgets.stream()
            .mapToDouble(budget -> NodeChannel.scoreVariance(budget, document.getMaxScore()))
            .toArray();
    double[] now = queries.nodes().stream().mapToDouble(NodeChannel::scoreVariance).toArray();
    return OptionalDouble.of(
        SlackTerms.NONE.withChannel(1, before).channel()
            + SlackTerms.NONE.withChannel(1, now).channel());
  }

  private static boolean scoresAll(ScoreBudget budget) {
    return budget.sent() == budget.listSize();
  }
}
