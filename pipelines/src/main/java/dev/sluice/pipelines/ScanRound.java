package dev.sluice.pipelines;

import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.uplink.ScanUplinks;
import java.util.List;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.MetadataCoderV2;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Reshuffle;

/**
 * What a round's new uplink files hold, written down file by file: the part of its aggregation that
 * does not depend on what else has come.
 */
public final class ScanRound {
  private ScanRound() {}

  /**
   * Adds the scan of uplink files to a pipeline.
   *
   * @param files those to be scanned
   * @param into a directory for their scans, named as {@link ScanUplinks#name} has it
   */
  public static void build(
      Pipeline pipeline,
      PlannedRound round,
      RoundDirectory directory,
      List<MatchResult.Metadata> files,
      String into) {
    pipeline
        .apply("NewFiles", Create.of(files).withCoder(MetadataCoderV2.of()))
        .apply("Spread", Reshuffle.viaRandomKey())
        .apply("ScanUplinks", ScanUplinks.of(round, directory, into));
  }
}
