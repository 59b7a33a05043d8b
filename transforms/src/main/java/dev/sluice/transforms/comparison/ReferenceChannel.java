package dev.sluice.transforms.comparison;

import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.ReferencePlan;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BadLogitException;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.reference.NodeTerms;
import dev.sluice.transforms.reference.ReferenceBlock;
import dev.sluice.transforms.reference.ReferenceCertificate;
import dev.sluice.transforms.reference.ReferenceCodes;
import dev.sluice.transforms.reference.ReferenceDecoder;
import dev.sluice.transforms.reference.ReferenceEncoder;
import dev.sluice.transforms.round.BadPlanException;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Our channel relative to a public reference: package {@code reference}, FORMAT 15. Plans, blocks
 * and their bytes are those of a round of so many bits.
 */
final class ReferenceChannel implements ComparedChannel {
  /** An octave is sent where its weighted power is at least so many times the water level. */
  private static final double KAPPA = 1;

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public String what() {
    return "relative to the reference, steps by its probabilities, dithered and entropy coded";
  }

  @Override
  public boolean isUnbiased() {
    return true;
  }

  @Override
  public boolean hasErrorLaw() {
    return true;
  }

  @Override
  public Transmission open(int way, ProbeSet probes, long bitsPerProbe)
      throws TooFewBitsException, IOException {
    double bits = Math.min((double) bitsPerProbe / probes.vocabulary(), PlannedRound.MAX_BITS);
    try {
      return new Sending(
          new PlanDraft(ProbeSet.ROUND, probes.probes(), probes.vocabulary())
              .withSeed(probes.seed())
              .withClip(new ClipPolicy("none", null, null))
              .withReference(ReferencePlan.newBuilder().setSha256(null).setKappa(KAPPA).build())
              .withNodes(probes.names(), bits, Map.of())
              .finish(name()));
    } catch (BadPlanException e) {
      if (e.field().endsWith(".bitsPerProbe")) {
        throw new TooFewBitsException("bits a probe: " + e.detail());
      }
      throw e;
    }
  }

  private static final class Sending implements Transmission {
    private final PlannedRound round;
    private final ReferenceBlock reference;
    private final ReferenceEncoder encoder;
    private final ReferenceDecoder decoder = new ReferenceDecoder();
    private final double[] magnitudes;
    private final List<CountedUplink> uplinks;
    private final List<NodeTerms> terms = new ArrayList<>();
    private double[] rows;
    private int block;
    private long sent;

    Sending(PlannedRound round) {
      int most = round.probesIn(0);
      this.round = round;
      this.reference = new ReferenceBlock(most, round.vocabulary());
      this.encoder = new ReferenceEncoder(most, round.vocabulary(), KAPPA);
      this.magnitudes = new double[most];
      this.uplinks = CountedUplink.ofAll(round);
    }

    @Override
    public int probesPerBlock() {
      return round.probesIn(0);
    }

    @Override
    public String setting() {
      double rows = (double) round.plan().getProbes() * round.nodes().size();
      return Math.round(sent / rows) + " coordinates a probe";
    }

    @Override
    public void begin(int block, int count, double[] rows) {
      this.block = block;
      this.rows = rows;
      terms.clear();
      for (int probe = 0; probe < count; probe++) {
        shift(probe * round.vocabulary());
      }
      try {
        reference.derive(rows, count);
      } catch (BadLogitException e) {
        throw new IllegalArgumentException("the reference, block " + block, e);
      }
    }

    /** Lets a row's largest logit be 0, as a round does. */
    private void shift(int from) {
      int to = from + round.vocabulary();
      double max = Double.NEGATIVE_INFINITY;
      for (int c = from; c < to; c++) {
        max = Math.max(max, rows[c]);
      }
      for (int c = from; c < to; c++) {
        rows[c] -= max;
      }
    }

    @Override
    public void send(int node, double[] logits, double[] decoded)
        throws TooFewBitsException, IOException {
      int count = round.probesIn(block);
      long key = round.key(node).dither();
      long first = round.firstProbe(block);
      byte[] codes = encode(node, logits);
      uplinks.get(node).append(sealed(node, codes));
      try {
        decoder.decode(
            reference,
            key,
            first,
            ReferenceCodes.unwrap(reference, codes),
            PlannedRound.MAX_NODES_TIMES_CLIP / round.nodes().size(),
            decoded);
      } catch (BadCodesException e) {
        throw new IllegalStateException("codes of block " + block + " do not decode", e);
      }
      terms.add(decoder.terms());
      for (int c = 0; c < count * round.vocabulary(); c++) {
        decoded[c] += rows[c];
      }
    }

    private byte[] encode(int node, double[] logits) throws TooFewBitsException {
      try {
        Centring.centre(
            logits,
            round.probesIn(block),
            round.vocabulary(),
            Centring.Masking.FORBIDDEN,
            magnitudes);
      } catch (BadLogitException e) {
        throw new IllegalStateException("node " + node + ", block " + block, e);
      }
      try {
        ReferenceEncoder.Encoded encoded =
            encoder.encode(
                reference,
                rows,
                logits,
                round.key(node).dither(),
                round.firstProbe(block),
                round.maxCodesBytes(node, block) - ReferenceCodes.CHECKSUM_BYTES);
        sent += encoded.sent();
        return ReferenceCodes.wrap(reference, encoded.codes());
      } catch (IllegalArgumentException e) { // the codes of what must be sent are longer
        throw new TooFewBitsException(e.getMessage());
      }
    }

    private CodeBlock sealed(int node, byte[] codes) {
      BlockHeader header =
          BlockHeader.newBuilder()
              .setRound(round.plan().getId())
              .setPlan(round.digest())
              .setNode(round.nodes().get(node).getName())
              .setPlane(0)
              .setBlock(block)
              .setFirstProbe(round.firstProbe(block))
              .setProbes(round.probesIn(block))
              .setClip(0)
              .setClipped(0)
              .setMasked(0)
              .setPayloadBits(8L * codes.length)
              .build();
      return CodeBlock.newBuilder()
          .setHeader(header)
          .setCrc32c(CodeBlocks.crc32c(CodeBlocks.headerBytes(header), codes, 0, codes.length))
          .setCodes(ByteBuffer.wrap(codes))
          .setSignature(ByteBuffer.allocate(0))
          .build();
    }

    @Override
    public OptionalDouble end(float[] teacher) {
      ReferenceCertificate certificate = new ReferenceCertificate(terms);
      for (int probe = 0; probe < round.probesIn(block); probe++) {
        certificate.add(reference, probe, rows, teacher);
      }
      double upper = certificate.upper();
      return Double.isFinite(upper) ? OptionalDouble.of(upper) : OptionalDouble.empty();
    }

    @Override
    public long bytes() throws IOException {
      return CountedUplink.bytes(uplinks);
    }

    @Override
    public long overheadBytes() throws IOException {
      return CountedUplink.overheadBytes(uplinks);
    }

    @Override
    public long clipped() {
      return 0;
    }
  }
}
