package dev.sluice.transforms.comparison;

import dev.sluice.schemas.ComparedCell;
import java.io.IOException;
import java.util.OptionalDouble;

/** A channel at a budget, tried in all its ways. */
final class CellDraft {
  private CellDraft() {}

  /** The cell of the way with the least divergence; the first of equal ones. */
  static ComparedCell measure(ComparedChannel channel, long budget, ProbeSet probes, LogitRows rows)
      throws IOException {
    ComparedCell best = null;
    String reason = null;
    for (int way = 0; way < channel.ways(); way++) {
      try {
        Transmission transmission = channel.open(way, probes, budget);
        ChannelMeasurement measured = ChannelMeasurement.of(transmission, probes, rows);
        if (best == null || measured.kl() < best.getKl()) {
          best = cell(channel, budget, probes, rows, transmission, measured);
        }
      } catch (TooFewBitsException e) {
        reason = reason == null ? e.getMessage() : reason;
      }
    }
    return best != null
        ? best
        : ComparedCell.newBuilder()
            .setChannel(channel.name())
            .setBudget(budget)
            .setReason(reason)
            .build();
  }

  private static ComparedCell cell(
      ComparedChannel channel,
      long budget,
      ProbeSet probes,
      LogitRows rows,
      Transmission transmission,
      ChannelMeasurement measured)
      throws IOException {
    double uplinks = (double) probes.probes() * probes.nodes();
    // A teacher that is all noise may give the tokens that followed a probability below any number.
    boolean predicts = rows.hasNextTokens() && Double.isFinite(measured.perplexity());
    return ComparedCell.newBuilder()
        .setChannel(channel.name())
        .setBudget(budget)
        .setBits(8 * transmission.bytes() / uplinks)
        .setOverheadBits(8 * transmission.overheadBytes() / uplinks)
        .setSetting(transmission.setting())
        .setKl(measured.kl())
        .setKlStandardError(orNull(measured.klStandardError()))
        .setUpper(orNull(measured.upper()))
        .setPerplexity(predicts ? measured.perplexity() : null)
        .setTax(predicts ? measured.perplexity() - measured.exactPerplexity() : null)
        .setClipped(transmission.clipped())
        .build();
  }

  private static Double orNull(OptionalDouble value) {
    return value.isPresent() ? value.getAsDouble() : null;
  }
}
