package dev.sluice.transforms.aggregation;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.equalTo;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class QuorumTest {
  private static PlannedRound round() throws IOException {
    RoundPlan plan =
        new PlanDraft("r1", 16, 4)
            .withNode("zeta", 2)
            .withNode("alpha", 2)
            .withNode("mid", 2)
            .finish("plan.json")
            .plan();
    plan.setLayout(new BlockLayout(4, 2));
    return PlannedRound.parse(PlainJson.write(plan), "plan.json");
  }

  /** A claim to block 2 or 3, which make up shard 1, with a content of its own. */
  private static BlockClaim claim(
      PlannedRound round, int node, int block, int content, String file, long offset) {
    BlockHeader header = new RoundFixture(round, 1).header(node, block, 1, 0);
    byte[] digest = new byte[32];
    digest[0] = (byte) content;
    return new BlockClaim(header, 0, new Sha256(digest), file, offset, 4, null, null);
  }

  private record Outcome(
      List<String> seats, List<Integer> duplicates, List<RejectedRecord> rejects) {}

  private static Outcome of(PlannedRound round, List<BlockClaim> claims) {
    List<RejectedRecord> rejects = new ArrayList<>();
    Quorum quorum = Quorum.of(round, 1, claims, rejects::add);
    List<String> seats = new ArrayList<>();
    for (int block = 2; block < 4; block++) {
      for (Quorum.Seat seat : quorum.seats(block)) {
        seats.add(block + ":" + seat.node() + ":" + seat.claim().getFile());
      }
    }
    return new Outcome(
        seats, List.of(quorum.duplicates(0), quorum.duplicates(1), quorum.duplicates(2)), rejects);
  }

  @Property(tries = 300, seed = "91")
  void theOrderOfClaimsDoesNotMatter(@ForAll java.util.Random order) throws IOException {
    PlannedRound round = round();
    List<BlockClaim> claims = new ArrayList<>();
    claims.add(claim(round, 2, 2, 1, "/u/mid/x", 5));
    claims.add(claim(round, 0, 2, 2, "/u/zeta/y", 5));
    claims.add(claim(round, 0, 2, 2, "/u/zeta/x", 9));
    claims.add(claim(round, 0, 2, 2, "/u/zeta/x", 7));
    claims.add(claim(round, 1, 2, 3, "/u/alpha/x", 5));
    claims.add(claim(round, 1, 3, 200, "/u/alpha/x", 6));
    claims.add(claim(round, 1, 3, 4, "/u/alpha/y", 7));
    claims.add(claim(round, 1, 3, 4, "/u/alpha/z", 8));
    claims.add(claim(round, 2, 3, 9, "/u/mid/x", 6));
    Collections.shuffle(claims, order);
    Outcome found = of(round, claims);
    assertThat(
        found.seats(),
        equalTo(List.of("2:0:/u/zeta/x", "2:1:/u/alpha/x", "2:2:/u/mid/x", "3:2:/u/mid/x")));
    assertThat(found.duplicates(), equalTo(List.of(2, 0, 0)));
    List<String> rejects =
        found.rejects().stream()
            .map(r -> r.getNode() + r.getBlock() + r.getReason() + r.getFile() + r.getOffset())
            .toList();
    assertThat(
        rejects, equalTo(List.of("alpha3conflicty7", "alpha3conflictz8", "alpha3conflictx6")));
    assertThat(
        found.rejects().get(0).getDetail(),
        equalTo("one of 3 records for block 3 with different contents; none is used"));
  }

  @Example
  void noClaimsNoSeats() throws IOException {
    assertThat(
        of(round(), List.of()), equalTo(new Outcome(List.of(), List.of(0, 0, 0), List.of())));
  }
}
