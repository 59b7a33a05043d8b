package dev.sluice.transforms.aggregation;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.transforms.channel.Accumulator;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.NestedDigits;
import dev.sluice.transforms.channel.StepLaw;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.uplink.ClaimCodes;
import dev.sluice.transforms.uplink.Reason;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The average in the channel of THEORY 2: exact sums of what codes decode to, (U), (L) and the
 * worst case. Holds one block's sums and one block's codes.
 */
final class ClippedAverage implements BlockAverage {
  private final PlannedRound round;
  private final ClaimCodes reader;
  private final Accumulator sums;
  private final double[] scratch;
  private final List<StepLaw> laws = new ArrayList<>(); // of what was added, and its clips
  private final List<double[]> clips = new ArrayList<>();
  private int block;

  ClippedAverage(PlannedRound round, ClaimCodes reader) {
    this.round = round;
    this.reader = reader;
    this.sums = new Accumulator(round.probesIn(0), round.vocabulary(), round.trim());
    this.scratch = new double[round.vocabulary()];
  }

  @Override
  public void begin(int block) {
    this.block = block;
    sums.reset(round.probesIn(block));
    laws.clear();
    clips.clear();
  }

  @Override
  public Prefix add(Quorum.Seat seat, Consumer<RejectedRecord> rejects) throws IOException {
    List<BlockClaim> claims = new ArrayList<>();
    if (seat.claim().getEarlier() != null) {
      claims.addAll(seat.claim().getEarlier());
    }
    claims.add(seat.claim());
    List<BlockShape> shapes = round.planes(seat.node(), block).subList(0, claims.size());
    List<byte[]> codes = new ArrayList<>(claims.size());
    for (int plane = 0; plane < claims.size(); plane++) {
      codes.add(reader.read(claims.get(plane), plane));
    }
    BadCodesException last = null;
    for (int length = claims.size(); length > 0; length--) {
      try {
        sums.add(
            shapes.subList(0, length),
            round.key(seat.node()),
            block,
            round.firstProbe(block),
            claims.get(0).getHeader().getClip(),
            round.nodes().size(),
            codes.subList(0, length));
        refuse(claims, length, last, rejects);
        StepLaw law = NestedDigits.law(shapes.subList(0, length));
        laws.add(law);
        double[] levels = sums.clips();
        clips.add(levels);
        return new Prefix(seat.node(), claims.subList(0, length), levels, law.mean());
      } catch (BadCodesException e) {
        last = e;
      }
    }
    refuse(claims, 0, last, rejects);
    return null;
  }

  /** Rejects this round's claim if it is behind the first {@code length}, which decode. */
  private void refuse(
      List<BlockClaim> claims,
      int length,
      BadCodesException fault,
      Consumer<RejectedRecord> rejects) {
    BlockClaim own = claims.get(claims.size() - 1);
    if (length == claims.size() || !own.getHeader().getRound().equals(round.plan().getId())) {
      return; // an earlier round's is among that round's rejects
    }
    rejects.accept(
        length == claims.size() - 1
            ? Quorum.reject(round, own, Reason.BAD_CODES, fault.getMessage())
            : Quorum.reject(
                round,
                own,
                Reason.OUT_OF_ORDER,
                "digits of plane "
                    + (claims.size() - 1)
                    + ", but those of plane "
                    + length
                    + " are no codes: "
                    + fault.getMessage()));
  }

  @Override
  public void mean(float[] out) {
    sums.mean(laws.size(), out);
  }

  @Override
  public void certify(ShardAccount account, float[] mean) {
    int vocabulary = round.vocabulary();
    BlockCertificate certificate =
        new BlockCertificate(
            round.hasErrorLaw(), round.trim(), laws, clips.toArray(double[][]::new));
    for (int probe = 0; probe < round.probesIn(block); probe++) {
      certificate.add(probe, mean, probe * vocabulary, vocabulary, scratch);
    }
    account.setUpper(account.getUpper() + certificate.upper());
    account.setLower(account.getLower() + certificate.lower());
    account.setWorstCase(account.getWorstCase() + certificate.worstCase());
    account.setVariance(account.getVariance() + certificate.variance());
  }

  @Override
  public void close() {}
}
