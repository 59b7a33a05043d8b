package dev.sluice.transforms.scores;

import dev.sluice.transforms.conformal.ScoreBudget;
import dev.sluice.transforms.conformal.ScoreQuantizer;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Refuses fields of a document that cannot be used, by what was found and what was expected.
 *
 * @param source the document's name, for messages
 */
record FieldCheck(String source) {
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  void that(String field, boolean holds, String found, String expected) throws BadInputException {
    if (!holds) {
      throw new BadInputException(message(field, found, expected));
    }
  }

  String message(String field, String found, String expected) {
    return source + ": " + field + ": found " + NodeChannel.shown(found) + ", expected " + expected;
  }

  void node(String field, String name) throws BadInputException {
    that(field, PlannedRound.isName(name), name, "1 to 64 of [A-Za-z0-9._-]");
  }

  void sha256(String field, String digest) throws BadInputException {
    that(field, SHA256.matcher(digest).matches(), digest, "64 hexadecimal digits");
  }

  void count(String field, long n) throws BadInputException {
    that(field, n >= 0, "" + n, "a count");
  }

  void name(String field, String name) throws BadInputException {
    Optional<String> fault = ScoreNames.fault(name);
    that(field, fault.isEmpty(), "a name that " + fault.orElse(""), "a plain name");
  }

  void candidates(List<String> names) throws BadInputException {
    that(
        "candidates",
        names.size() >= 1 && names.size() <= ScoreBudget.MAX_LIST,
        names.size() + " names",
        "1 to " + ScoreBudget.MAX_LIST);
    Optional<String> fault = ScoreNames.listFault(names);
    that("candidates", fault.isEmpty(), fault.orElse(""), "plain names, each once");
  }

  void maxScore(double nats) throws BadInputException {
    that(
        "maxScore",
        nats >= ScoreQuantizer.MIN_RANGE && nats <= ScoreQuantizer.MAX_RANGE,
        "" + nats,
        "2^-8 to 2^20 nats");
  }
}
