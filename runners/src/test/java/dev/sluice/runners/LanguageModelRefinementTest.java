package dev.sluice.runners;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.closeTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import dev.sluice.schemas.ActiveRange;
import dev.sluice.schemas.Audit;
import dev.sluice.schemas.Manifest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Rounds of 2 bits that refine each other, on 64 probes of four language models' logits. THEORY 4.
 *
 * <p>Errors of one round are independent from coordinate to coordinate and, measured or expected,
 * agree within 4 of their own standard deviations (false alarm 6e-5 each). A KL's standard error is
 * that over probes, whose own scatter is most of it: 3 of them are generous to the dither's.
 */
@Tag("long")
class LanguageModelRefinementTest {
  private static final int PROBES = 64;
  private static final int ROUNDS = 4;

  /**
   * T rounds of b bits leave the step 2L/((N-1) N^(T-1)), N = 2^b; one round of T·b bits leaves
   * 2L/(N^T - 1). For T = 4 and b = 2 that is 2L/192 and 2L/255: what shrinking the range costs, it
   * costs once at b bits and not at T·b.
   */
  private static final double PRICE = (255.0 / 192) * (255.0 / 192);

  @TempDir private static Path directory;
  private static ProbeLogits logits;
  private static final Audit[] refined = new Audit[ROUNDS];

  @BeforeAll
  static void fourRounds() throws IOException {
    logits = new ProbeLogits(directory, PROBES, 1, 1, 1, 1);
    logits.plan("r1", "2");
    for (int t = 1; t <= ROUNDS; t++) {
      logits.close("r" + t, ProbeLogits.NODES);
      refined[t - 1] = logits.audit("r" + t);
      bracketed(refined[t - 1]);
      if (t < ROUNDS) {
        logits.refine("r" + t, "r" + (t + 1));
      }
    }
  }

  private static void bracketed(Audit audit) {
    double slack = 3 * audit.getKlStandardError();
    assertThat(audit.getKl(), lessThanOrEqualTo(audit.getUpper() + slack));
    assertThat(audit.getKl(), greaterThanOrEqualTo(audit.getLower() - slack));
    assertThat(audit.getKl(), greaterThanOrEqualTo(audit.getCertifiedLower() - slack));
    assertThat(audit.getClipKl(), is(0.0));
    // Over 2^19 coordinates the mean square of a mean of four uniforms spreads by 0.18 %.
    assertThat(audit.getMse() / audit.getExpectedMse(), closeTo(1, 0.01));
    double scatter = Math.sqrt(audit.getExpectedMse() / (PROBES * ProbeLogits.VOCABULARY));
    assertThat(audit.getBias(), closeTo(0, 4 * scatter));
  }

  /** Of a quotient of measured KLs. */
  private static double deviation(Audit one, Audit other) {
    return one.getKl()
        / other.getKl()
        * Math.hypot(
            one.getKlStandardError() / one.getKl(), other.getKlStandardError() / other.getKl());
  }

  @Test
  void fourRoundsOfTwoBitsAreOneRoundOfEight() throws IOException {
    logits.plan("once", "8");
    logits.close("once", ProbeLogits.NODES);
    Audit once = logits.audit("once");
    bracketed(once);
    Audit last = refined[ROUNDS - 1];
    assertThat(last.getKl() / once.getKl(), closeTo(PRICE, 3 * deviation(last, once)));
    assertThat(last.getMse() / once.getMse(), closeTo(PRICE, 0.01 * PRICE));
    assertThat(last.getExpectedMse() / once.getExpectedMse(), closeTo(PRICE, 1e-3));
  }

  /** Rounds that refine nothing forget: each is as far off as one, and averaging T gains 1/T. */
  @Test
  void vanillaRoundsStayWhereTheyAre() throws IOException {
    double[] sum = logits.teacher("r1");
    for (int t = 2; t <= ROUNDS; t++) {
      String id = "v" + t;
      logits.plan(id, "2");
      logits.close(id, ProbeLogits.NODES);
      Audit audit = logits.audit(id);
      bracketed(audit);
      assertThat(audit.getKl() / refined[0].getKl(), closeTo(1, 3 * deviation(audit, refined[0])));
      assertThat(audit.getExpectedMse() / refined[0].getExpectedMse(), closeTo(1, 1e-9));
      double[] teacher = logits.teacher(id);
      for (int i = 0; i < sum.length; i++) {
        sum[i] += teacher[i];
      }
    }
    double[] exact = logits.exactMean();
    double squares = 0;
    for (int i = 0; i < sum.length; i++) {
      double error = sum[i] / ROUNDS - exact[i];
      squares += error * error;
    }
    assertThat(
        squares / sum.length / refined[0].getExpectedMse(), closeTo(1.0 / ROUNDS, 0.01 / ROUNDS));
  }

  /** A site that stays away from a round counts with a wider error, and with no bias. */
  @Test
  void aSiteThatSkipsARoundLeavesTheTeacherUnbiased() throws IOException {
    logits.refine("r2", "s3");
    Manifest third = logits.close("s3", ProbeLogits.NODES - 1);
    assertThat(planes(third), is(List.of(3, 3, 3, 2)));
    Audit skipped = logits.audit("s3");
    bracketed(skipped);
    assertThat(skipped.getExpectedMse(), greaterThanOrEqualTo(refined[2].getExpectedMse()));
    assertThat(skipped.getExpectedMse(), lessThanOrEqualTo(refined[1].getExpectedMse()));

    logits.refine("s3", "s4");
    Manifest fourth = logits.close("s4", ProbeLogits.NODES);
    assertThat(planes(fourth), is(List.of(4, 4, 4, 3)));
    bracketed(logits.audit("s4"));
  }

  private static List<Integer> planes(Manifest manifest) {
    assertThat(manifest.getActive().size(), is(1));
    ActiveRange all = manifest.getActive().get(0);
    assertThat(all.getNodes(), is(List.of("n0", "n1", "n2", "n3")));
    return all.getPlanes();
  }
}
