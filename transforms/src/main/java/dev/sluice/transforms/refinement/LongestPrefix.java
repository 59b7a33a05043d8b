package dev.sluice.transforms.refinement;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.transforms.aggregation.Quorum;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.uplink.Reason;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Joins the claims of a round and of the rounds it refines: for each node and block, the longest
 * run of digit planes from the first. Any prefix decodes without bias, a shorter one with a wider
 * error (THEORY 4.2, R3), so that a plane that is missing costs precision and nothing else; but
 * digits behind a gap say nothing. Pure; the answer does not depend on the order of the claims.
 */
public final class LongestPrefix {
  private LongestPrefix() {}

  /**
   * The prefixes of one shard.
   *
   * @param claims of this round and of those that it refines, each held against its own plan, in
   *     any order
   * @param rejects takes this round's claims that do not count; those of earlier rounds are in
   *     those rounds' rejects
   * @return for each node and block that has a plane, the claim of its last with those before it;
   *     further copies of this round's claims once more each, to be counted as such
   */
  public static List<BlockClaim> of(
      PlannedRound round,
      int shard,
      Iterable<BlockClaim> claims,
      Consumer<RejectedRecord> rejects) {
    Map<String, List<BlockClaim>> byRound = new HashMap<>();
    for (BlockClaim claim : claims) {
      byRound.computeIfAbsent(claim.getHeader().getRound(), id -> new ArrayList<>()).add(claim);
    }
    List<Quorum> earlier = new ArrayList<>();
    round
        .refined()
        .forEach(
            base ->
                earlier.add(
                    Quorum.of(
                        round, shard, byRound.getOrDefault(base.getId(), List.of()), r -> {})));
    Quorum own =
        Quorum.of(round, shard, byRound.getOrDefault(round.plan().getId(), List.of()), rejects);
    List<BlockClaim> prefixes = new ArrayList<>();
    for (int block = round.firstBlock(shard); block < round.endBlock(shard); block++) {
      BlockClaim[][] planes = seated(round, earlier, own, block);
      for (int node = 0; node < planes.length; node++) {
        prefix(round, node, planes[node], prefixes, rejects);
      }
    }
    for (int node = 0; node < round.nodes().size(); node++) {
      copies(round, shard, node, own, prefixes);
    }
    return prefixes;
  }

  /** [node][plane], null where nothing came. */
  private static BlockClaim[][] seated(
      PlannedRound round, List<Quorum> earlier, Quorum own, int block) {
    int nodes = round.nodes().size();
    BlockClaim[][] planes = new BlockClaim[nodes][];
    for (int node = 0; node < nodes; node++) {
      planes[node] = new BlockClaim[round.plane(node) + 1];
    }
    for (int r = 0; r < earlier.size(); r++) {
      for (Quorum.Seat seat : earlier.get(r).seats(block)) {
        int plane = round.earlierRounds(seat.node()).indexOf(r);
        if (plane >= 0) {
          planes[seat.node()][plane] = seat.claim();
        }
      }
    }
    for (Quorum.Seat seat : own.seats(block)) {
      planes[seat.node()][round.plane(seat.node())] = seat.claim();
    }
    return planes;
  }

  private static void prefix(
      PlannedRound round,
      int node,
      BlockClaim[] planes,
      List<BlockClaim> prefixes,
      Consumer<RejectedRecord> rejects) {
    int length = 0;
    while (length < planes.length && planes[length] != null) {
      length++;
    }
    BlockClaim own = planes[planes.length - 1];
    if (own != null && length < planes.length) {
      String missing = round.refined().get(round.earlierRounds(node).get(length)).getId();
      rejects.accept(
          Quorum.reject(
              round,
              own,
              Reason.OUT_OF_ORDER,
              "digits of plane "
                  + (planes.length - 1)
                  + ", but those of plane "
                  + length
                  + ", which round '"
                  + missing
                  + "' asked for, are not there for this block"));
    } else if (own != null && length > 1) {
      double clip = planes[0].getHeader().getClip();
      if (own.getHeader().getClip() != clip) {
        rejects.accept(
            Quorum.reject(
                round,
                own,
                Reason.BAD_HEADER,
                "clip: found "
                    + own.getHeader().getClip()
                    + ", expected "
                    + clip
                    + " as in plane 0: digits of other logits"));
        length--;
      }
    }
    if (length > 0) {
      List<BlockClaim> before = new ArrayList<>();
      for (int plane = 0; plane < length - 1; plane++) {
        before.add(planes[plane]);
      }
      prefixes.add(
          BlockClaim.newBuilder(planes[length - 1])
              .setEarlier(before.isEmpty() ? null : before)
              .build());
    }
  }

  /** Copies were counted by node, not by block: they go with the node's first claim. */
  private static void copies(
      PlannedRound round, int shard, int node, Quorum own, List<BlockClaim> prefixes) {
    String name = round.nodes().get(node).getName();
    for (BlockClaim claim : List.copyOf(prefixes)) {
      if (own.duplicates(node) > 0
          && claim.getHeader().getNode().equals(name)
          && claim.getHeader().getRound().equals(round.plan().getId())) {
        for (int copy = 0; copy < own.duplicates(node); copy++) {
          prefixes.add(claim);
        }
        return;
      }
    }
  }
}
