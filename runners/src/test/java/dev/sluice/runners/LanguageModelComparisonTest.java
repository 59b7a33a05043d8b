package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.schemas.ComparedCell;
import dev.sluice.schemas.Comparison;
import dev.sluice.schemas.json.PlainJson;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * All channels on the logits of four language models that were fine-tuned apart. They are not part
 * of the project: without them beside the checkout, the test is skipped.
 */
@Tag("long")
class LanguageModelComparisonTest {
  private static final Path LOGITS = Path.of("../../shared/data/probe-logits");

  @TempDir Path directory;

  /** Below every other channel at few bits and at many, on the logits of four language models. */
  @Test
  void onLanguageModelsTheReferenceChannelIsBelowAllOthers() throws IOException {
    assumeTrue(Files.isDirectory(LOGITS), "no language models' logits beside this checkout");
    int probes = 128;
    List<String> files = new ArrayList<>();
    for (String name : List.of("node0", "node1", "node2", "node3", "base")) {
      files.add(head(name, probes));
    }
    Cli.Result result =
        Cli.run(
            "compare",
            "--logits",
            files.get(0),
            files.get(1),
            files.get(2),
            files.get(3),
            "--reference",
            files.get(4),
            "--budgets",
            "64,1024,16384",
            "--report",
            directory.resolve("models").toString());
    assertThat(result.toString(), result.code(), is(0));
    byte[] json = Files.readAllBytes(directory.resolve("models/comparison.json"));
    Comparison run = PlainJson.read(Comparison.class, Comparison.getClassSchema(), json, "models");
    for (long budget : run.getBudgets()) {
      ComparedCell ours = reference(run, budget);
      assertThat(ours.getBits(), lessThanOrEqualTo((double) budget));
      for (ComparedCell cell : run.getCells()) {
        if (cell.getBudget() == budget && cell.getKl() != null && cell != ours) {
          assertThat(cell.getChannel() + " at " + budget, ours.getKl(), lessThan(cell.getKl()));
        }
      }
    }
  }

  private static ComparedCell reference(Comparison run, long budget) {
    return run.getCells().stream()
        .filter(cell -> cell.getChannel().equals("reference") && cell.getBudget() == budget)
        .findFirst()
        .orElseThrow();
  }

  /** The first probes of a file, as they are. */
  private String head(String name, int probes) throws IOException {
    byte[] all = Files.readAllBytes(LOGITS.resolve(name + ".npy"));
    int header = all.length - 256 * ProbeLogits.VOCABULARY * Float.BYTES;
    float[] logits = new float[probes * ProbeLogits.VOCABULARY];
    ByteBuffer.wrap(all, header, 4 * logits.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(logits);
    String shape = "(" + probes + ", " + ProbeLogits.VOCABULARY + ")";
    return Site.npy(directory.resolve(name + ".npy"), "'<f4'", "False", shape, logits).toString();
  }
}
