package dev.sluice.transforms.aggregation;

import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.reference.NodeTerms;
import dev.sluice.transforms.reference.ReferenceCertificate;
import dev.sluice.transforms.reference.ReferenceCodes;
import dev.sluice.transforms.reference.ReferenceDecoder;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.uplink.ClaimCodes;
import dev.sluice.transforms.uplink.Reason;
import dev.sluice.transforms.uplink.ReferenceRows;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * The average in the reference channel: exact sums of what nodes sent relative to the reference, to
 * which that is added, and the bound of FORMAT 15.6. Holds one block's reference, sums and codes.
 */
final class RelativeAverage implements BlockAverage {
  private final PlannedRound round;
  private final ClaimCodes reader;
  private final ReferenceRows reference;
  private final ReferenceDecoder decoder = new ReferenceDecoder();
  private final double[] decoded;
  private final double[] sums;
  private final List<NodeTerms> terms = new ArrayList<>();
  private int block;

  /**
   * An average of a round's blocks.
   *
   * @param references where those of the plan lie
   */
  RelativeAverage(PlannedRound round, ClaimCodes reader, RoundDirectory references) {
    this.round = round;
    this.reader = reader;
    this.reference = new ReferenceRows(round, references);
    this.decoded = new double[round.probesIn(0) * round.vocabulary()];
    this.sums = new double[decoded.length];
  }

  @Override
  public void begin(int block) throws IOException {
    this.block = block;
    reference.read(block);
    Arrays.fill(sums, 0);
    terms.clear();
  }

  @Override
  public Prefix add(Quorum.Seat seat, Consumer<RejectedRecord> rejects) throws IOException {
    byte[] codes = reader.read(seat.claim(), 0);
    try {
      decoder.decode(
          reference.derived(),
          round.key(seat.node()).dither(),
          round.firstProbe(block),
          ReferenceCodes.unwrap(reference.derived(), codes),
          PlannedRound.MAX_NODES_TIMES_CLIP / round.nodes().size(),
          decoded);
    } catch (BadCodesException e) {
      rejects.accept(Quorum.reject(round, seat.claim(), Reason.BAD_CODES, e.getMessage()));
      return null;
    }
    terms.add(decoder.terms());
    reference.addOwn(seat.node(), decoded);
    for (int c = 0; c < round.probesIn(block) * round.vocabulary(); c++) {
      sums[c] += decoded[c]; // multiples of 2^-30, all together below 2^20: exact
    }
    return new Prefix(seat.node(), List.of(seat.claim()), new double[0], 0);
  }

  @Override
  public void mean(float[] out) {
    double[] logits = reference.logits();
    for (int c = 0; c < round.probesIn(block) * round.vocabulary(); c++) {
      out[c] = (float) (logits[c] + sums[c] / terms.size());
    }
  }

  @Override
  public void certify(ShardAccount account, float[] mean) {
    ReferenceCertificate certificate = new ReferenceCertificate(terms);
    for (int probe = 0; probe < round.probesIn(block); probe++) {
      certificate.add(reference.derived(), probe, reference.logits(), mean);
    }
    account.setUpper(account.getUpper() + certificate.upper());
    account.setUnsent(account.getUnsent() + certificate.unsent());
  }

  @Override
  public void close() throws IOException {
    reference.close();
  }
}
