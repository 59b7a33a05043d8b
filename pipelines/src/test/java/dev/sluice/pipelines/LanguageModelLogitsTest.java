package dev.sluice.pipelines;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.schemas.Audit;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAudit;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Whole rounds on the logits of four language models that were fine-tuned apart, 256 probes of 8192
 * tokens. The logits are not part of the project: without them these tests are skipped.
 */
class LanguageModelLogitsTest {
  private static final Path LOGITS = Path.of("../../shared/data/probe-logits");
  private static final int NODES = 4;

  @TempDir private Path temp;

  @ParameterizedTest
  @CsvSource({"2,auto", "4,auto", "6,auto", "8,auto", "3.3,probe"})
  void measuredKlLiesBetweenItsBounds(double bits, String clip) throws IOException {
    Audit audit = round(bits, new ClipPolicy(clip, null, null));
    double slack = 4 * audit.getKlStandardError();

    assertThat(audit.getKl(), lessThanOrEqualTo(audit.getUpper() + slack));
    assertThat(audit.getKl(), greaterThanOrEqualTo(audit.getLower() - slack));
    assertThat(audit.getKl(), lessThan(audit.getWorstCase()));
    // The square of a mean of four uniforms has relative variance 1.7, so over 2^21 coordinates the
    // mean square spreads by sqrt(1.7 / 2^21) = 9e-4.
    assertThat(audit.getMse() / audit.getExpectedMse(), allOf(greaterThan(0.99), lessThan(1.01)));
    for (NodeAudit node : audit.getNodes()) {
      assertThat(node.getPayloadBitsPerProbe(), lessThanOrEqualTo((double) node.getBitsPerProbe()));
      assertThat(node.getPayloadBitsPerProbe() / node.getBitsPerProbe(), greaterThan(0.99));
      assertThat(node.getOverhead(), lessThan(0.01));
    }
  }

  @ParameterizedTest
  @CsvSource({"8,5"})
  void clippingIsStatedApart(double bits, double level) throws IOException {
    Audit audit = round(bits, new ClipPolicy("fixed", level, null));
    double slack = 4 * audit.getKlStandardError();

    assertThat(audit.getClipKl(), greaterThan(0.0));
    assertThat(audit.getNodes().get(0).getClippedFraction(), greaterThan(0.0));
    assertThat(audit.getKl(), lessThanOrEqualTo(audit.getUpper() + slack));
    assertThat(audit.getKl(), greaterThanOrEqualTo(audit.getLower() - slack));
  }

  private Audit round(double bits, ClipPolicy clip) throws IOException {
    assumeTrue(Files.isDirectory(LOGITS), "no language models' logits beside this checkout");
    RoundDirectory directory = new RoundDirectory(temp.toString());
    PlanDraft draft = new PlanDraft("r1", 256, 8192).withClip(clip);
    Map<String, String> logits = new LinkedHashMap<>();
    for (int i = 0; i < NODES; i++) {
      draft.withNode("n" + i, bits);
      logits.put("n" + i, LOGITS.resolve("node" + i + ".npy").toAbsolutePath().toString());
    }
    PlannedRound round = draft.finish("plan.json");
    Storage.replace(directory.plan(), round.json());

    Pipeline encode = pipeline();
    for (int i = 0; i < NODES; i++) {
      EncodeNode.build(
          encode, round, directory, i, logits.get("n" + i), Centring.Masking.FORBIDDEN, "e" + i);
    }
    encode.run().waitUntilFinish();
    Pipeline aggregate = pipeline();
    AggregateRound.build(aggregate, round, directory, List.of(), NODES, "a");
    aggregate.run().waitUntilFinish();
    Manifest manifest = read(Manifest.class, directory.manifest());
    Pipeline audit = pipeline();
    String output = temp.resolve("audit.json").toString();
    AuditRound.build(audit, round, manifest, directory, logits, output);
    audit.run().waitUntilFinish();
    return read(Audit.class, output);
  }

  private static <T extends org.apache.avro.specific.SpecificRecord> T read(
      Class<T> type, String file) throws IOException {
    return PlainJson.read(
        type,
        org.apache.avro.specific.SpecificData.get().getSchema(type),
        Storage.read(file, PlainJson.MAX_BYTES),
        file);
  }

  private static Pipeline pipeline() {
    PipelineOptions options = PipelineOptionsFactory.create();
    return Pipeline.create(options);
  }
}
