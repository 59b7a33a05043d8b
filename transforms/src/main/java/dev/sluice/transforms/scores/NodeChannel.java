package dev.sluice.transforms.scores;

import dev.sluice.schemas.ScoreChannel;
import dev.sluice.schemas.ScoreFile;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.ScoreBudget;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.ObjectStreamException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * One node's score channel, checked, and what both ends derive from it. FORMAT.md 10.
 *
 * <p>Immutable as long as nobody sets the document's fields; serialises as the bytes of
 * channel.json.
 */
public final class NodeChannel implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Value of the document's field 'format'. */
  public static final String FORMAT = "sluice-scores-1";

  /** Most files of one node. */
  public static final int MAX_FILES = 100_000;

  /** Most packets in a file. */
  public static final long MAX_QUERIES = 1 << 20;

  /** Most bits of a packet: 4096 candidates at 17 bits each. */
  public static final int MAX_BITS = 17 * ScoreBudget.MAX_LIST;

  private final byte[] json;
  private final String source;
  private final transient ScoreChannel document;
  private final transient ScoreBudget budget;

  private NodeChannel(byte[] json, String source) throws IOException {
    this.json = json.clone();
    this.source = source;
    this.document = PlainJson.read(ScoreChannel.class, ScoreChannel.getClassSchema(), json, source);
    FieldCheck check = new FieldCheck(source);
    check.that("format", document.getFormat().equals(FORMAT), document.getFormat(), FORMAT);
    check.node("node", document.getNode());
    check.candidates(document.getCandidates());
    check.maxScore(document.getMaxScore());
    check.that(
        "bitsPerQuery",
        document.getBitsPerQuery() <= MAX_BITS,
        "" + document.getBitsPerQuery(),
        "at most " + MAX_BITS);
    try {
      budget =
          ScoreBudget.of(
              document.getBitsPerQuery(), document.getCandidates().size(), document.getTop());
    } catch (IllegalArgumentException e) {
      throw new BadInputException(source + ": " + e.getMessage(), e);
    }
    check.name("scorer", document.getScorer());
    checkFiles(check);
  }

  private void checkFiles(FieldCheck check) throws IOException {
    check.that(
        "files",
        document.getFiles().size() <= MAX_FILES,
        document.getFiles().size() + " files",
        "at most " + MAX_FILES);
    long queries = 0;
    for (int i = 0; i < document.getFiles().size(); i++) {
      ScoreFile file = document.getFiles().get(i);
      String name = ScoreDirectory.part("scores", i);
      check.that("files[" + i + "].name", file.getName().equals(name), file.getName(), name);
      check.sha256("files[" + i + "].sha256", file.getSha256());
      check.that(
          "files[" + i + "].queries",
          file.getQueries() >= 0 && file.getQueries() <= MAX_QUERIES,
          "" + file.getQueries(),
          "0 to " + MAX_QUERIES);
      queries += file.getQueries();
    }
    check.that(
        "labelled",
        document.getLabelled() >= 0 && document.getLabelled() <= queries,
        "" + document.getLabelled(),
        "0 to " + queries);
    check.count("clipped", document.getClipped());
    check.that(
        "queries", document.getQueries() == queries, "" + document.getQueries(), "" + queries);
  }

  /** Text from outside, fit for a line of a message. */
  public static String shown(String text) {
    String plain = text.replaceAll("[\\p{Cntrl}\\p{Cf}\u2028\u2029]", "?");
    return plain.length() <= 100 ? plain : plain.substring(0, 100) + "...";
  }

  /**
   * A channel that has sent nothing yet.
   *
   * @throws BadInputException if the bits do not pay for one candidate, or a name or number cannot
   *     be used
   */
  public static NodeChannel draft(
      String node,
      List<String> candidates,
      int bitsPerQuery,
      int top,
      double maxScore,
      long seed,
      String scorer)
      throws IOException {
    ScoreChannel document =
        ScoreChannel.newBuilder()
            .setFormat(FORMAT)
            .setNode(node)
            .setCandidates(new ArrayList<>(candidates))
            .setBitsPerQuery(bitsPerQuery)
            .setTop(top)
            .setMaxScore(maxScore)
            .setSeed(seed)
            .setScorer(scorer)
            .setQueries(0)
            .setLabelled(0)
            .setClipped(0)
            .setFiles(new ArrayList<>())
            .build();
    return new NodeChannel(PlainJson.write(document), "score channel");
  }

  /**
   * Reads and checks a node's channel.json.
   *
   * @throws IOException also where there is none, or it is another node's
   */
  public static NodeChannel read(ScoreDirectory directory, String node) throws IOException {
    String file = directory.channel(node);
    try {
      NodeChannel channel = new NodeChannel(Storage.read(file, PlainJson.MAX_BYTES), file);
      new FieldCheck(file).that("node", channel.name().equals(node), channel.name(), node);
      return channel;
    } catch (FileNotFoundException e) {
      throw new BadInputException(
          file + ": no such file; it is written last, when the node's scores are whole", e);
    }
  }

  private Object readResolve() throws ObjectStreamException {
    try {
      return new NodeChannel(json, source);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** channel.json as read. Treat as immutable. */
  public ScoreChannel document() {
    return document;
  }

  /** SHA-256 of channel.json. */
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

  /** The node. */
  public String name() {
    return document.getNode();
  }

  /** What the bits buy. */
  public ScoreBudget budget() {
    return budget;
  }

  /** The quantiser of this node. */
  public ScoreQuantizer quantizer(OutOfRange outOfRange) {
    return ScoreQuantizer.of(
        document.getSeed(), document.getNode(), document.getMaxScore(), outOfRange);
  }

  /** Variance of the error of one score, nats²: step²/12, the mean over a query's radices. */
  public double scoreVariance() {
    return scoreVariance(budget, document.getMaxScore());
  }

  /** The same of bits and a range in nats. */
  static double scoreVariance(ScoreBudget budget, double maxScore) {
    return budget.meanSquareStep() * maxScore * maxScore / 12;
  }
}
