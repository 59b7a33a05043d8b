package dev.sluice.pipelines;

import dev.sluice.schemas.Manifest;
import dev.sluice.transforms.audit.AuditTeacher;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Reshuffle;

/** Measures a committed round's teacher against the raw logits of its nodes. */
public final class AuditRound {
  private AuditRound() {}

  /**
   * Adds the audit of a round to a pipeline.
   *
   * @param logits .npy files of m × V by node
   * @param output document to write
   */
  public static void build(
      Pipeline pipeline,
      PlannedRound round,
      Manifest manifest,
      RoundDirectory directory,
      Map<String, String> logits,
      String output)
      throws BadInputException {
    pipeline
        .apply(
            "TeacherShards",
            Create.of(IntStream.range(0, round.shards()).boxed().toList())
                .withCoder(VarIntCoder.of()))
        .apply("Spread", Reshuffle.viaRandomKey())
        .apply("AuditTeacher", AuditTeacher.of(round, manifest, directory, logits, output));
  }
}
