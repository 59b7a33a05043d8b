package dev.sluice.transforms.fuzz;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.UplinkFile;
import dev.sluice.transforms.channel.Accumulator;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.Reason;
import dev.sluice.transforms.uplink.UplinkScan;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.apache.beam.sdk.io.fs.MatchResult;

/** A file of a site's uplink, from its first byte to the sums. */
final class UplinkTarget implements FuzzTarget {
  private static final int MOST_REJECTS = 1001; // and one that says so

  private static final Set<String> OTHERS =
      Set.of(Reason.WRONG_ROUND.label(), Reason.WRONG_PLAN.label());

  private final List<PlannedRound> rounds = new ArrayList<>();

  UplinkTarget() {
    for (String name : List.of("plain", "probe", "signed", "finer")) {
      rounds.add(FuzzRounds.round("rounds/" + name + ".json"));
    }
  }

  @Override
  public boolean accepts(byte[] input) throws IOException {
    for (PlannedRound round : rounds) {
      Found found = read(round, input);
      if (!found.ofAnotherRound) {
        return found.isWhole();
      }
    }
    return false;
  }

  /** Scans a file, and adds what it claims to sums. */
  static Found read(PlannedRound round, byte[] file) throws IOException {
    Path path = Scratch.file("uplink/n0/codes-00000.avro", file);
    MatchResult.Metadata metadata =
        MatchResult.Metadata.builder()
            .setResourceId(Storage.resource(path.toString()))
            .setSizeBytes(file.length)
            .setIsReadSeekEfficient(true)
            .setLastModifiedMillis(0)
            .build();
    Found found = new Found();
    UplinkScan.scan(round, metadata, found);
    if (found.rejects > MOST_REJECTS) {
      throw new AssertionError(found.rejects + " rejects");
    }
    for (BlockClaim claim : found.claims) {
      found.bad += isAdded(round, claim, file) ? 0 : 1;
    }
    return found;
  }

  private static boolean isAdded(PlannedRound round, BlockClaim claim, byte[] file) {
    int node = round.indexOf("n0").orElseThrow();
    int block = claim.getHeader().getBlock();
    if (claim.getOffset() + claim.getLengthBytes() > file.length) {
      throw new AssertionError("codes beyond the end of the file: " + claim);
    }
    if (round.plane(node) > 0) {
      return true; // its digits need those of the planes before
    }
    int at = Math.toIntExact(claim.getOffset());
    Accumulator sums = new Accumulator(round.probesIn(0), round.vocabulary(), round.trim());
    sums.reset(round.probesIn(block));
    try {
      sums.add(
          round.shape(node, block),
          round.quantizer(),
          round.key(node),
          block,
          round.firstProbe(block),
          claim.getHeader().getClip(),
          round.nodes().size(),
          Arrays.copyOfRange(file, at, at + claim.getLengthBytes()));
      return true;
    } catch (BadCodesException e) {
      return false;
    }
  }

  /** What was in a file. */
  static final class Found implements UplinkScan.Sink {
    private final List<BlockClaim> claims = new ArrayList<>();
    private int rejects;
    private int bad; // codes that are none
    private boolean ofAnotherRound; // some of it

    /** Whether there was something, and nothing else. */
    boolean isWhole() {
      return !claims.isEmpty() && rejects == 0 && bad == 0;
    }

    @Override
    public void file(UplinkFile file) {}

    @Override
    public void claim(BlockClaim claim) {
      claims.add(claim);
    }

    @Override
    public void reject(RejectedRecord reject) {
      rejects++;
      ofAnotherRound |= OTHERS.contains(reject.getReason());
      String detail = reject.getDetail();
      if (detail.length() > 1000 || detail.chars().anyMatch(Character::isISOControl)) {
        throw new AssertionError("a detail that is not fit to print: " + detail);
      }
    }
  }
}
