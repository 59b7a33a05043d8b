package dev.sluice.transforms.aggregation;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.uplink.Reason;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;

/**
 * Which claims of a shard count: for each block, at most one for each node. Copies of one content
 * count once; of two different contents for the same block, neither counts. The answer does not
 * depend on the order of the claims.
 */
public final class Quorum {
  /** One node's claim to one block. */
  public record Seat(int node, BlockClaim claim) {}

  private final PlannedRound round;
  private final int firstBlock;
  private final List<List<Seat>> blocks = new ArrayList<>();
  private final int[] duplicates;

  private Quorum(PlannedRound round, int shard) {
    this.round = round;
    this.firstBlock = round.firstBlock(shard);
    this.duplicates = new int[round.nodes().size()];
    for (int block = firstBlock; block < round.endBlock(shard); block++) {
      blocks.add(new ArrayList<>());
    }
  }

  /**
   * Seats the claims of one shard.
   *
   * @param claims claims whose headers agree with the plan, in any order; iterated once
   * @param rejects takes the claims that contradict each other
   */
  public static Quorum of(
      PlannedRound round,
      int shard,
      Iterable<BlockClaim> claims,
      Consumer<RejectedRecord> rejects) {
    List<Seat> seats = new ArrayList<>();
    for (BlockClaim claim : claims) {
      seats.add(new Seat(round.indexOf(claim.getHeader().getNode()).orElseThrow(), claim));
    }
    seats.sort(
        Comparator.comparingInt((Seat seat) -> seat.claim().getHeader().getBlock())
            .thenComparingInt(Seat::node)
            .thenComparing(seat -> seat.claim().getDigest().bytes(), Arrays::compareUnsigned)
            .thenComparing(seat -> seat.claim().getFile())
            .thenComparingLong(seat -> seat.claim().getOffset()));
    Quorum quorum = new Quorum(round, shard);
    int from = 0;
    while (from < seats.size()) {
      int to = from + 1;
      while (to < seats.size() && sameSeat(seats.get(from), seats.get(to))) {
        to++;
      }
      quorum.seat(seats.subList(from, to), rejects);
      from = to;
    }
    return quorum;
  }

  /** The seats of a block, in the plan's order of nodes. */
  public List<Seat> seats(int block) {
    return blocks.get(block - firstBlock);
  }

  /** Further copies of the same content, by node. */
  public int duplicates(int node) {
    return duplicates[node];
  }

  private void seat(List<Seat> rivals, Consumer<RejectedRecord> rejects) {
    Seat first = rivals.get(0);
    Seat last = rivals.get(rivals.size() - 1);
    int block = first.claim().getHeader().getBlock();
    if (first.claim().getDigest().equals(last.claim().getDigest())) {
      blocks.get(block - firstBlock).add(first);
      duplicates[first.node()] += rivals.size() - 1;
      return;
    }
    for (Seat seat : rivals) {
      rejects.accept(
          reject(
              round,
              seat.claim(),
              Reason.CONFLICT,
              "one of "
                  + rivals.size()
                  + " records for block "
                  + block
                  + " with different contents; none is used"));
    }
  }

  /** A reject of a claim whose header is sound. */
  public static RejectedRecord reject(
      PlannedRound round, BlockClaim claim, Reason reason, String detail) {
    String file = claim.getFile();
    return RejectedRecord.newBuilder()
        .setRound(round.plan().getId())
        .setNode(claim.getHeader().getNode())
        .setBlock(claim.getHeader().getBlock())
        .setReason(reason.label())
        .setDetail(detail)
        .setFile(file.substring(file.lastIndexOf('/') + 1))
        .setOffset(claim.getOffset())
        .build();
  }

  private static boolean sameSeat(Seat a, Seat b) {
    return a.node() == b.node()
        && a.claim().getHeader().getBlock() == b.claim().getHeader().getBlock();
  }
}
