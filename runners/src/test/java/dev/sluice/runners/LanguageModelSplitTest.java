package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import dev.sluice.schemas.AllocatedNode;
import dev.sluice.schemas.Allocation;
import dev.sluice.schemas.Audit;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.allocation.Distortion;
import dev.sluice.transforms.allocation.PlugInSplit;
import dev.sluice.transforms.allocation.Policy;
import dev.sluice.transforms.allocation.Weighting;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What dividing bits by a warm-up round buys on the logits of four language models, 256 probes of
 * 8192 tokens.
 *
 * <p>The four models' logits reach about as far as each other, and there is little to divide. So
 * that nodes differ, node i's logits are those of its model times 2^-i: a model at temperature 2^i.
 * Clip levels are then about 8 : 4 : 2 : 1. A warm-up at 2 bits each, and rounds of 8 bits in all.
 */
class LanguageModelSplitTest {
  private static final double TOTAL = 8;
  private static final double[] FACTORS = {1, 0.5, 0.25, 0.125};

  @TempDir private static Path directory;
  private static ProbeLogits logits;
  private static Audit uniform;

  @BeforeAll
  static void warmUp() throws IOException {
    logits = new ProbeLogits(directory, ProbeLogits.PROBES, FACTORS);
    logits.plan("warmup", "2");
    Manifest manifest = logits.close("warmup", ProbeLogits.NODES);
    for (int i = 0; i < ProbeLogits.NODES; i++) {
      NodeAccount node = manifest.getNodes().get(i);
      assertThat(node.getMaxClip() / logits.clips()[i], closeTo(1, 1e-6));
    }
    uniform = measured("uniform", allocate("uniform", "--policy", "uniform"));
  }

  private static Allocation allocate(String name, String... more) throws IOException {
    List<String> args =
        new ArrayList<>(
            List.of(
                "allocate",
                "--round",
                logits.round("warmup").toString(),
                "--total-bits-per-coordinate",
                "" + TOTAL,
                "--json",
                "--out",
                file(name).toString()));
    args.addAll(List.of(more));
    return PlainJson.read(
        Allocation.class,
        Allocation.getClassSchema(),
        ProbeLogits.run(args.toArray(new String[0])).getBytes(StandardCharsets.UTF_8),
        name);
  }

  private static Path file(String name) {
    return directory.resolve(name + ".json");
  }

  /** A round by an allocation that was written down, closed and audited. */
  private static Audit measured(String id, Allocation allocation) throws IOException {
    ProbeLogits.run(
        "plan",
        "--round",
        logits.round(id).toString(),
        "--id",
        id,
        "--from",
        logits.round("warmup").toString(),
        "--allocation",
        file(id).toString());
    logits.close(id, ProbeLogits.NODES);
    Audit audit = logits.audit(id);
    double spent = bits(allocation).stream().mapToDouble(b -> b).sum();
    assertThat(spent, lessThanOrEqualTo(TOTAL));
    assertThat(
        audit.getExpectedMse() / 2 / allocation.getPredicted().getThisSplit(), closeTo(1, 1e-3));
    assertThat(audit.getUpper(), lessThanOrEqualTo(allocation.getPredicted().getThisSplit()));
    return audit;
  }

  /** A round with bits that were not allocated from what nodes sent. */
  private static Audit measured(String id, double[] bits) throws IOException {
    List<String> nodes = new ArrayList<>();
    for (int i = 0; i < bits.length; i++) {
      nodes.add("n" + i + "=" + bits[i]);
    }
    logits.plan(id, String.join(",", nodes));
    logits.close(id, ProbeLogits.NODES);
    return logits.audit(id);
  }

  private static List<Double> bits(Allocation allocation) {
    return allocation.getNodes().stream().map(AllocatedNode::getBitsPerCoordinate).toList();
  }

  /** Who knows the raw logits, and divides by true weights. */
  private static PlugInSplit.Split oracle(double[] weights) {
    double[] floors = new double[weights.length];
    double[] caps = new double[weights.length];
    Arrays.fill(floors, 1);
    Arrays.fill(caps, Double.POSITIVE_INFINITY);
    return PlugInSplit.among(List.of("n0", "n1", "n2", "n3"), weights, floors, caps)
        .withPolicy(Policy.WATER_FILLING)
        .withDistortion(Distortion.SHRUNK)
        .withChannel(Weighting.fromClips(logits.clips()))
        .implementable(TOTAL);
  }

  /** Of kl, about its expectation given the logits, and more: the probes' own scatter is in it. */
  private static double deviation(Audit one, Audit other) {
    return Math.hypot(one.getKlStandardError(), other.getKlStandardError());
  }

  /** Clip levels under policy auto are what the nodes' headers say: nothing is estimated. */
  @Test
  void clipsAllocateWhatTheyOughtTo() throws IOException {
    Allocation allocation = allocate("clip");
    PlugInSplit.Split oracle = oracle(Weighting.fromClips(logits.clips()));
    for (int i = 0; i < ProbeLogits.NODES; i++) {
      assertThat(bits(allocation).get(i), closeTo(oracle.bits()[i], 1e-6));
    }
    Audit plugIn = measured("clip", allocation);
    Audit exact = measured("clip-oracle", oracle.bits());
    assertThat(uniform.getKl() - plugIn.getKl(), greaterThan(3 * deviation(uniform, plugIn)));
    assertThat(
        plugIn.getKl(),
        closeTo(exact.getKl(), 0.02 * exact.getKl() + 3 * deviation(plugIn, exact)));
    assertThat(plugIn.getExpectedMse() / exact.getExpectedMse(), closeTo(1, 1e-6));
  }

  /**
   * Second moments w are estimated from 2-bit codes, less the dither's variance v = step^2/12,
   * which is about half as large. Over n = 2^21 coordinates the estimate spreads by sqrt((4 w v +
   * 0.8 v^2) / n), 0.1 % of w.
   */
  @Test
  void secondMomentsAllocateAsIfTheyWereKnown() throws IOException {
    Allocation allocation = allocate("second-moment", "--weights", "second-moment");
    double[] moments = logits.secondMoments();
    for (int i = 0; i < ProbeLogits.NODES; i++) {
      assertThat(allocation.getNodes().get(i).getWeight() / moments[i], closeTo(1, 0.005));
    }
    PlugInSplit.Split oracle = oracle(moments);
    assertThat(allocation.getPredicted().getThisSplit() / oracle.thisSplit(), closeTo(1, 0.02));
    Audit plugIn = measured("second-moment", allocation);
    Audit exact = measured("second-moment-oracle", oracle.bits());
    assertThat(plugIn.getExpectedMse() / exact.getExpectedMse(), closeTo(1, 0.02));
    assertThat(
        plugIn.getKl(),
        closeTo(exact.getKl(), 0.02 * exact.getKl() + 3 * deviation(plugIn, exact)));
    assertThat(uniform.getKl() - plugIn.getKl(), greaterThan(3 * deviation(uniform, plugIn)));
  }
}
