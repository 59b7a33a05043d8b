package dev.sluice.runners;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.Outcome;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.transforms.aggregation.ShardAverager;
import dev.sluice.transforms.aggregation.TeacherFiles;
import dev.sluice.transforms.commit.RoundCommit;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.RangeReader;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.ListUplinks;
import dev.sluice.transforms.uplink.UplinkScan;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.io.fs.MatchResult;

/**
 * The work of aggregating a round as a plain loop in one thread: the same reading, checking,
 * averaging and writing, and no dataflow. What the pipeline's cost is measured against.
 */
final class PlainLoop {
  private PlainLoop() {}

  /** Aggregates a round in which nothing is to be rejected. */
  static Outcome aggregate(PlannedRound round, RoundDirectory directory, String attempt)
      throws IOException {
    List<List<BlockClaim>> shards = new ArrayList<>();
    for (int shard = 0; shard < round.shards(); shard++) {
      shards.add(new ArrayList<>());
    }
    List<UplinkFile> files = new ArrayList<>();
    for (MatchResult.Metadata file : ListUplinks.everything(directory)) {
      UplinkScan.scan(
          round,
          file,
          new UplinkScan.Sink() {
            @Override
            public void file(UplinkFile found) {
              files.add(found);
            }

            @Override
            public void claim(BlockClaim claim) {
              shards.get(round.shardOf(claim.getHeader().getBlock())).add(claim);
            }

            @Override
            public void reject(RejectedRecord reject) {
              throw new IllegalStateException("a loop without rejects met one: " + reject);
            }
          });
    }
    List<ShardAccount> accounts = new ArrayList<>();
    try (RangeReader reader = new RangeReader()) {
      ShardAverager averager = new ShardAverager(round, round.speakingNodes(), reader, null);
      for (int shard = 0; shard < shards.size(); shard++) {
        accounts.add(
            averager.average(
                shard,
                shards.get(shard),
                new TeacherFiles(round, shard, directory.aside(attempt)),
                reject -> {
                  throw new IllegalStateException("a loop without rejects met one: " + reject);
                }));
      }
    }
    Outcome outcome =
        new RoundCommit(round, directory, List.of(), round.speakingNodes())
            .commit(accounts, List.of(), files);
    Storage.deleteTree(directory.aside(attempt));
    return outcome;
  }
}
