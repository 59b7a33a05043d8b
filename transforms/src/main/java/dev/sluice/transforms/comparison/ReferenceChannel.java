package dev.sluice.transforms.comparison;

import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BadLogitException;
import dev.sluice.transforms.channel.BlockDecoder;
import dev.sluice.transforms.channel.ChannelKey;
import dev.sluice.transforms.reference.NodeTerms;
import dev.sluice.transforms.reference.ReferenceBlock;
import dev.sluice.transforms.reference.ReferenceCertificate;
import dev.sluice.transforms.reference.ReferenceDecoder;
import dev.sluice.transforms.reference.ReferenceEncoder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/** Our channel relative to a public reference: package {@code reference}, FORMAT 15. */
final class ReferenceChannel implements ComparedChannel {
  /** Most float32 logits of a block, in bytes. */
  static final int BLOCK_BYTES = 4 << 20;

  /** Most float32 logits of a file, in bytes. */
  private static final int FILE_BYTES = 64 << 20;

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
    return new Sending(probes, bitsPerProbe);
  }

  /** As large as the hub's memory and a block's codes allow. */
  private static int probesPerBlock(ProbeSet probes, long bitsPerProbe) {
    long room = BLOCK_BYTES / (4L * probes.vocabulary());
    long codes = 8L * CodeBlocks.MAX_CODES_BYTES / bitsPerProbe;
    return (int) Math.max(1, Math.min(probes.probes(), Math.min(room, codes)));
  }

  private static final class Sending implements Transmission {
    private final ProbeSet probes;
    private final UplinkBudget budget;
    private final ReferenceBlock reference;
    private final ReferenceEncoder encoder;
    private final ReferenceDecoder decoder = new ReferenceDecoder();
    private final double limit;
    private final List<CountedUplink> uplinks = new ArrayList<>();
    private final List<NodeTerms> terms = new ArrayList<>();
    private final int probesPerBlock;
    private double[] rows;
    private int block;
    private long sent;

    Sending(ProbeSet probes, long bitsPerProbe) throws TooFewBitsException, IOException {
      this.probes = probes;
      this.probesPerBlock = ReferenceChannel.probesPerBlock(probes, bitsPerProbe);
      long blockBytes = 4L * probes.vocabulary() * probesPerBlock;
      int blocksPerFile = (int) Math.max(1, FILE_BYTES / blockBytes);
      this.budget = new UplinkBudget(probes, probesPerBlock, blocksPerFile, bitsPerProbe);
      this.reference = new ReferenceBlock(probesPerBlock, probes.vocabulary());
      this.encoder = new ReferenceEncoder(probesPerBlock, probes.vocabulary(), KAPPA);
      this.limit = BlockDecoder.MAX_CLIP / probes.nodes();
      probes.names().forEach(name -> uplinks.add(new CountedUplink(name, blocksPerFile)));
    }

    @Override
    public int probesPerBlock() {
      return probesPerBlock;
    }

    @Override
    public String setting() {
      double coordinates = (double) probes.probes() * probes.nodes();
      return Math.round(sent / coordinates) + " coordinates a probe";
    }

    @Override
    public void begin(int block, int count, double[] rows) {
      this.block = block;
      this.rows = rows;
      terms.clear();
      try {
        reference.derive(rows, count);
      } catch (BadLogitException e) {
        throw new IllegalArgumentException("the reference, block " + block, e);
      }
    }

    @Override
    public void send(int node, double[] logits, double[] decoded)
        throws TooFewBitsException, IOException {
      String name = probes.names().get(node);
      long key = ChannelKey.of(probes.seed(), ProbeSet.ROUND, name).dither();
      long first = budget.firstProbe(block);
      int bytes = (int) Math.min(CodeBlocks.MAX_CODES_BYTES, budget.codesBytes(block));
      ReferenceEncoder.Encoded encoded;
      try {
        encoded = encoder.encode(reference, rows, logits, key, first, bytes);
      } catch (IllegalArgumentException e) {
        throw new TooFewBitsException(e.getMessage());
      }
      byte[] codes = encoded.codes();
      sent += encoded.sent();
      CodeBlock sealed =
          CountedUplink.block(name, block, first, budget.probesIn(block), 8L * codes.length, codes);
      uplinks.get(node).append(sealed);
      try {
        decoder.decode(reference, key, first, codes, limit, decoded);
      } catch (BadCodesException e) {
        throw new IllegalStateException("codes of block " + block + " do not decode", e);
      }
      terms.add(decoder.terms());
      for (int c = 0; c < budget.probesIn(block) * probes.vocabulary(); c++) {
        decoded[c] += rows[c];
      }
    }

    @Override
    public OptionalDouble end(float[] teacher) {
      ReferenceCertificate certificate = new ReferenceCertificate(terms);
      for (int probe = 0; probe < budget.probesIn(block); probe++) {
        certificate.add(reference, probe, rows, teacher);
      }
      double upper = certificate.upper();
      return Double.isFinite(upper) ? OptionalDouble.of(upper) : OptionalDouble.empty();
    }

    @Override
    public long bytes() throws IOException {
      long bytes = 0;
      for (CountedUplink uplink : uplinks) {
        bytes += uplink.bytes();
      }
      return bytes;
    }

    @Override
    public long overheadBytes() throws IOException {
      return bytes() - uplinks.stream().mapToLong(CountedUplink::codesBytes).sum();
    }

    @Override
    public long clipped() {
      return 0;
    }
  }
}
