package dev.sluice.transforms.scores;

import dev.sluice.schemas.ScoreRow;
import dev.sluice.schemas.tables.TableColumns;
import dev.sluice.schemas.tables.TableException;
import dev.sluice.schemas.tables.TableFormat;
import dev.sluice.schemas.tables.TableReader;
import dev.sluice.schemas.tables.TableRow;
import dev.sluice.transforms.conformal.OutOfRange;
import dev.sluice.transforms.conformal.ScoreBudget;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A table of scores that another scorer has made: one row for each query and candidate, in any
 * order. Every row is checked by itself when it is read; what rows say of one query together is
 * checked where they meet, in {@link ReadScoreTable}. Immutable.
 */
public final class ScoreTable implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final TableColumns COLUMNS =
      new TableColumns(
          List.of("query", "candidate"),
          List.of("score"),
          List.of("group", "truth", "node"),
          false);

  private final String file;
  private final TableFormat format;
  private final String node;
  private final CandidateList candidates;
  private final double maxScore;
  private final OutOfRange outOfRange;
  private final int sent;

  /** Takes a query's name and a row of it. */
  public interface Sink {
    void take(String query, ScoreRow row) throws IOException;
  }

  /**
   * What a table has.
   *
   * @param rows rows of this node, or of none
   * @param others rows of other nodes
   */
  public record Counts(long rows, long others) {}

  private ScoreTable(String file, TableFormat format, NodeChannel channel, OutOfRange outOfRange) {
    this.file = file;
    this.format = format;
    this.node = channel.name();
    this.candidates = new CandidateList(channel.document().getCandidates());
    this.maxScore = channel.document().getMaxScore();
    this.outOfRange = outOfRange;
    this.sent = channel.budget().sent();
  }

  /**
   * A table for a channel.
   *
   * @throws BadInputException if the file's name does not say its format
   */
  public static ScoreTable of(String file, NodeChannel channel, OutOfRange outOfRange)
      throws BadInputException {
    return new ScoreTable(file, SiteTables.format(file, true), channel, outOfRange);
  }

  /**
   * The candidates that a table names, of any node, sorted by code point.
   *
   * @throws IOException if it cannot be read, or names more than {@link ScoreBudget#MAX_LIST}
   */
  public static List<String> candidates(String file) throws IOException {
    TreeSet<String> names = new TreeSet<>(ScoreNames::compare);
    SiteTables.forEach(
        file,
        SiteTables.format(file, true),
        COLUMNS,
        row -> {
          if (names.add(CandidateList.name(row, "candidate"))
              && names.size() > ScoreBudget.MAX_LIST) {
            throw row.refused(
                "candidate",
                "more than " + ScoreBudget.MAX_LIST + " different ones",
                "at most as many");
          }
        });
    if (names.isEmpty()) {
      throw new BadInputException(file + ": found no rows, expected scores");
    }
    return List.copyOf(names);
  }

  /** Where the table is. */
  public String file() {
    return file;
  }

  /** What a row's place counts: line or record. */
  public String unit() {
    return format.unit();
  }

  /** How many candidates a query must have scores of. */
  public int sent() {
    return sent;
  }

  /** Length of a query's vector of scores. */
  public int candidates() {
    return candidates.size();
  }

  /**
   * Reads and checks every row.
   *
   * @throws IOException naming the first row that cannot be used, or if none is of this node
   */
  public Counts check() throws IOException {
    TreeMap<String, Long> others = new TreeMap<>();
    long[] counts = {0, 0};
    SiteTables.forEach(
        file,
        format,
        COLUMNS,
        row -> {
          if (isOthers(row)) {
            counts[1]++;
            String name = row.required("node");
            if (others.size() < 10 || others.containsKey(name)) {
              others.merge(name, 1L, Long::sum);
            }
          } else {
            counts[0]++;
            CandidateList.name(row, "query");
            parsed(row);
          }
        });
    if (counts[0] == 0) {
      throw new BadInputException(
          file
              + ": found no rows"
              + (others.isEmpty()
                  ? ""
                  : " but of nodes "
                      + String.join(
                          ", ", others.keySet().stream().map(TableReader::shown).toList()))
              + ", expected scores of node '"
              + node
              + "'");
    }
    return new Counts(counts[0], counts[1]);
  }

  /** Reads this node's rows. */
  public void forEach(Sink sink) throws IOException {
    SiteTables.forEach(
        file,
        format,
        COLUMNS,
        row -> {
          if (!isOthers(row)) {
            sink.take(CandidateList.name(row, "query"), parsed(row));
          }
        });
  }

  private boolean isOthers(TableRow row) {
    Optional<String> of = row.text("node");
    return of.isPresent() && !of.get().equals(node);
  }

  private ScoreRow parsed(TableRow row) throws TableException {
    return ScoreRow.newBuilder()
        .setPlace(row.place())
        .setCandidate(candidates.index(row, "candidate", row.required("candidate")))
        .setScore(score(row))
        .setGroup(CandidateList.group(row))
        .setTruth(candidates.truth(row))
        .build();
  }

  private double score(TableRow row) throws TableException {
    double score = row.number("score");
    if (score >= 0 && score <= maxScore) {
      return score;
    }
    if (outOfRange == OutOfRange.REFUSE) {
      throw row.refused(
          "score",
          Double.isFinite(score) ? "" + score : Double.isNaN(score) ? "nan" : "an infinite score",
          "0 to " + maxScore + " nats (--out-of-range clip would move it to an end of the range)");
    }
    // NOT_SCORED has this value; NaN goes to the same end of the range.
    return score == ScoreQuantizer.NOT_SCORED ? Double.NaN : score;
  }
}
