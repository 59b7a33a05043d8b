package dev.sluice.transforms.uplink;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;

import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.Sha256;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class HeaderCheckTest {
  private static PlannedRound round(ClipPolicy clip) {
    try {
      return new PlanDraft("r1", 10, 32)
          .withNode("a", 3)
          .withNode("b", 2)
          .withNode("quiet", 0)
          .withClip(clip)
          .finish("plan.json");
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Optional<HeaderCheck.Fault> check(ClipPolicy clip, Consumer<BlockHeader> change) {
    PlannedRound round = round(clip);
    BlockHeader header =
        new RoundFixture(round, 4).header(0, 0, clip.getPolicy().equals("probe") ? 0 : 4, 5);
    change.accept(header);
    return HeaderCheck.of(round, "a", header, round.shape(0, 0).payloadBytes());
  }

  private static void refuses(Reason reason, String detail, Consumer<BlockHeader> change) {
    Optional<HeaderCheck.Fault> fault = check(new ClipPolicy("auto", null, null), change);
    assertThat(fault.map(HeaderCheck.Fault::reason), equalTo(Optional.of(reason)));
    assertThat(fault.orElseThrow().detail(), containsString(detail));
  }

  @Test
  void aSoundHeaderPasses() {
    for (ClipPolicy clip :
        new ClipPolicy[] {
          new ClipPolicy("auto", null, null),
          new ClipPolicy("probe", null, null),
          new ClipPolicy("fixed", 4.0, null)
        }) {
      assertThat(check(clip, header -> {}), equalTo(Optional.empty()));
      assertThat(check(clip, header -> header.setClipped(320)), equalTo(Optional.empty()));
      assertThat(check(clip, header -> header.setMasked(315)), equalTo(Optional.empty()));
    }
  }

  @Test
  void eachContradictionHasItsReason() {
    refuses(Reason.WRONG_ROUND, "found 'r2', expected r1", h -> h.setRound("r2"));
    refuses(Reason.WRONG_ROUND, "found 'r?1'", h -> h.setRound("r\u00071"));
    refuses(Reason.WRONG_PLAN, "found 0000", h -> h.setPlan(new Sha256(new byte[32])));
    refuses(Reason.WRONG_NODE, "found 'b', expected a", h -> h.setNode("b"));
    refuses(Reason.BAD_HEADER, "plane: found 1, expected 0", h -> h.setPlane(1));
    refuses(Reason.BAD_HEADER, "block: found -1, expected 0 to 0", h -> h.setBlock(-1));
    refuses(Reason.BAD_HEADER, "block: found 1, expected 0 to 0", h -> h.setBlock(1));
    refuses(Reason.BAD_HEADER, "block: found 2147483647", h -> h.setBlock(Integer.MAX_VALUE));
    refuses(Reason.BAD_HEADER, "firstProbe: found 1, expected 0", h -> h.setFirstProbe(1));
    refuses(Reason.BAD_HEADER, "probes: found 9, expected 10", h -> h.setProbes(9));
    refuses(Reason.BAD_HEADER, "payloadBits: found 7, expected", h -> h.setPayloadBits(7));
    refuses(Reason.BAD_HEADER, "clipped: found -1, expected 0 to 320", h -> h.setClipped(-1));
    refuses(Reason.BAD_HEADER, "clipped: found 321", h -> h.setClipped(321));
    refuses(Reason.BAD_HEADER, "masked: found -1, expected 0 to 315", h -> h.setMasked(-1));
    refuses(Reason.BAD_HEADER, "masked: found 316, expected 0 to 315", h -> h.setMasked(316));
    refuses(
        Reason.BAD_HEADER, "masked: found 9223372036854775807", h -> h.setMasked(Long.MAX_VALUE));
  }

  @Test
  void theClipFollowsThePolicy() {
    for (double clip : new double[] {0, -1, Double.NaN, 174763, Double.POSITIVE_INFINITY}) {
      refuses(
          Reason.BAD_HEADER, "clip: found " + clip + ", expected 2^-24 to", h -> h.setClip(clip));
    }
    for (double clip : new double[] {0, 4.5, Double.NaN}) {
      assertThat(
          check(new ClipPolicy("fixed", 4.0, null), h -> h.setClip(clip)).orElseThrow().detail(),
          equalTo("clip: found " + clip + ", expected 4.0"));
      if (clip != 0) {
        assertThat(
            check(new ClipPolicy("probe", null, null), h -> h.setClip(clip)).orElseThrow().detail(),
            containsString("expected 0: each probe carries its own"));
      }
    }
  }

  @Test
  void theDirectoryMustBeTheNodes() {
    PlannedRound round = round(new ClipPolicy("auto", null, null));
    BlockHeader header = new RoundFixture(round, 4).header(0, 0, 4, 0);
    int bytes = round.shape(0, 0).payloadBytes();
    assertThat(
        HeaderCheck.of(round, "b", header, bytes).orElseThrow().reason(),
        equalTo(Reason.WRONG_NODE));
    header.setNode("x");
    assertThat(
        HeaderCheck.of(round, "x", header, bytes).orElseThrow().reason(),
        equalTo(Reason.UNKNOWN_NODE));
    header.setNode("quiet");
    assertThat(
        HeaderCheck.of(round, "quiet", header, bytes).orElseThrow().reason(),
        equalTo(Reason.SILENT_NODE));
    header.setNode("a");
    assertThat(
        HeaderCheck.of(round, "a", header, bytes + 1).orElseThrow().detail(),
        containsString("length of codes: found " + (bytes + 1)));
  }
}
