package dev.sluice.transforms.scores;

import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.ScoreRejects;
import dev.sluice.schemas.SwarmQuery;
import dev.sluice.schemas.json.PlainJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificRecord;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.values.PCollection;

/** Steps over queries that the swarm has answered, as far as their commit. */
final class ServedFixture {
  /** Adds a step and its commit to a pipeline. */
  interface Step {
    void build(PCollection<SwarmQuery> queries, PCollection<ScoreRejects> rejects, String aside);
  }

  private ServedFixture() {}

  /** Runs a step to its end; what it came to. */
  static <T extends SpecificRecord> T run(
      ServedSwarm served,
      List<SwarmQuery> queries,
      List<ScoreReject> rejects,
      Class<T> type,
      Step step)
      throws IOException {
    String aside = served.directory().aside("x");
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    step.build(
        pipeline.apply("Queries", Create.of(queries).withCoder(AvroCoder.of(SwarmQuery.class))),
        pipeline
            .apply("Rejects", Create.of(rejects).withCoder(AvroCoder.of(ScoreReject.class)))
            .apply(WriteScoreRejects.into(aside)),
        aside);
    pipeline.run().waitUntilFinish();
    return PlainJson.read(
        type,
        SpecificData.get().getSchema(type),
        Files.readAllBytes(Path.of(ServedSwarm.outcome(aside))),
        "outcome");
  }
}
