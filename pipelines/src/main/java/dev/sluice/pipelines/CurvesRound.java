package dev.sluice.pipelines;

import dev.sluice.transforms.rates.CommitRates;
import dev.sluice.transforms.rates.MeasureRates;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.uplink.ReadUplink;
import org.apache.beam.sdk.Pipeline;

/**
 * What bits buy of each node of a committed round in the reference channel: the uplinks are read
 * once more, as the average read them, and what they decode to is coded again at every level.
 */
public final class CurvesRound {
  private CurvesRound() {}

  /**
   * Adds the curves of a round to a pipeline.
   *
   * @param output the document to write
   */
  public static void build(Pipeline pipeline, CommittedRound committed, String output) {
    Uplinks own = Uplinks.of(committed.round(), committed.directory());
    Uplinks.flatten("Claims", own.read(pipeline), ReadUplink.CLAIMS)
        .apply("MeasureRates", MeasureRates.of(committed.round(), committed.directory()))
        .apply("CommitRates", CommitRates.of(committed, output));
  }
}
