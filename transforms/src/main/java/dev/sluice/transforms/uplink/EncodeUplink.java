package dev.sluice.transforms.uplink;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.EncodedFile;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.DigestingChannel;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.trust.SigningKey;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Optional;
import java.util.UUID;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.beam.sdk.coders.DoubleCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.Max;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.View;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionView;

/**
 * A site's end of a round: for each uplink file of the layout, reads its rows of logits, dithers,
 * packs and writes it aside, each block signed where the round asks for it. With clip policy 'auto'
 * a first pass finds the node's largest centred magnitude. FORMAT.md 3, 4.
 */
@AutoValue
public abstract class EncodeUplink
    extends PTransform<PCollection<Integer>, PCollection<EncodedFile>> {
  abstract PlannedRound round();

  abstract int node();

  abstract String logits();

  abstract String directory();

  abstract Centring.Masking masking();

  abstract Optional<SigningKey> key();

  abstract Optional<RoundDirectory> references();

  abstract Builder toBuilder();

  @AutoValue.Builder
  abstract static class Builder {
    abstract Builder setRound(PlannedRound round);

    abstract Builder setNode(int node);

    abstract Builder setLogits(String logits);

    abstract Builder setDirectory(String directory);

    abstract Builder setMasking(Centring.Masking masking);

    abstract Builder setKey(SigningKey key);

    abstract Builder setReferences(RoundDirectory directory);

    abstract EncodeUplink build();
  }

  /**
   * Encodes a node's logits.
   *
   * @param node index in the plan
   * @param logits .npy file of m × V
   * @param directory where to write aside
   * @throws IllegalArgumentException if the node has no bits in this round
   */
  public static EncodeUplink of(PlannedRound round, int node, String logits, String directory) {
    if (round.nodes().get(node).getBitsPerProbe() == 0) {
      throw new IllegalArgumentException(
          "node '"
              + round.nodes().get(node).getName()
              + "' has no bits in round '"
              + round.plan().getId()
              + "' and sends nothing");
    }
    return new AutoValue_EncodeUplink.Builder()
        .setRound(round)
        .setNode(node)
        .setLogits(logits)
        .setDirectory(directory)
        .setMasking(Centring.Masking.FORBIDDEN)
        .build();
  }

  /** What to do with −∞; an error by default. */
  public EncodeUplink withMasking(Centring.Masking masking) {
    return toBuilder().setMasking(masking).build();
  }

  /** Signs every block; needed where the round is signed, and nowhere else. */
  public EncodeUplink withKey(SigningKey key) {
    return toBuilder().setKey(key).build();
  }

  /** Where the references of the plan lie; needed in the reference channel. */
  public EncodeUplink withReferences(RoundDirectory directory) {
    return toBuilder().setReferences(directory).build();
  }

  @Override
  public PCollection<EncodedFile> expand(PCollection<Integer> shards) {
    if (round().isSigned() != key().isPresent()) {
      throw new IllegalArgumentException(
          "round '"
              + round().plan().getId()
              + (key().isPresent() ? "' is not signed, got a key" : "' is signed, got no key"));
    }
    if (!round().plan().getClip().getPolicy().equals("auto")) {
      return encode(shards, null);
    }
    PCollectionView<Double> clip =
        shards
            .apply("LargestMagnitude", ParDo.of(new MagnitudeFn(this)))
            .setCoder(DoubleCoder.of())
            .apply("OverTheNode", Max.doublesGlobally())
            .apply("AsClip", View.asSingleton());
    return encode(shards, clip);
  }

  private PCollection<EncodedFile> encode(
      PCollection<Integer> shards, PCollectionView<Double> clip) {
    ParDo.SingleOutput<Integer, EncodedFile> encode = ParDo.of(new EncodeFn(this, clip));
    return shards
        .apply("DitherAndPack", clip == null ? encode : encode.withSideInputs(clip))
        .setCoder(AvroCoder.of(EncodedFile.class));
  }

  /** Largest centred magnitude of one file's rows. */
  private static class MagnitudeFn extends DoFn<Integer, Double> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;
    private final String logits;
    private final Centring.Masking masking;

    MagnitudeFn(EncodeUplink encode) {
      this.round = encode.round();
      this.logits = encode.logits();
      this.masking = encode.masking();
    }

    @ProcessElement
    public void scan(@Element Integer shard, OutputReceiver<Double> out) throws IOException {
      double largest = 0;
      try (LogitBlock rows = new LogitBlock(round, masking)) {
        rows.open(logits);
        for (int block = round.firstBlock(shard); block < round.endBlock(shard); block++) {
          rows.read(block);
          largest = Math.max(largest, rows.maxMagnitude());
        }
      }
      out.output(largest);
    }
  }

  /** One uplink file. */
  private static class EncodeFn extends DoFn<Integer, EncodedFile> {
    private static final long serialVersionUID = 1L;

    private final Counter blocks = Metrics.counter(EncodeUplink.class, "blocks");
    private final Counter clippedCoordinates =
        Metrics.counter(EncodeUplink.class, "clippedCoordinates");
    private final PlannedRound round;
    private final int node;
    private final String logits;
    private final String directory;
    private final Centring.Masking masking;
    private final SigningKey key; // null unless the round is signed
    private final RoundDirectory references; // null but in the reference channel
    private final PCollectionView<Double> auto; // null unless the policy is 'auto'

    EncodeFn(EncodeUplink encode, PCollectionView<Double> auto) {
      this.round = encode.round();
      this.node = encode.node();
      this.logits = encode.logits();
      this.directory = encode.directory();
      this.masking = encode.masking();
      this.key = encode.key().orElse(null);
      this.references = encode.references().orElse(null);
      this.auto = auto;
    }

    @ProcessElement
    public void encode(ProcessContext context) throws IOException {
      int shard = context.element();
      double clip = clip(context);
      String name = round.nodes().get(node).getName();
      String aside = directory + "/" + RoundDirectory.uplinkFile(shard) + "." + UUID.randomUUID();
      EncodedFile file =
          EncodedFile.newBuilder()
              .setShard(shard)
              .setAside(aside)
              .setBytes(0)
              .setProbes(0)
              .setPayloadBits(0)
              .setClipped(0)
              .setMasked(0)
              .setMaxClip(0)
              .setEarlier(new ArrayList<>())
              .build();
      DigestingChannel bytes = new DigestingChannel(Storage.create(aside));
      try (LogitBlock rows = new LogitBlock(round, masking);
          SiteCoder coder = coder(clip);
          DataFileWriter<CodeBlock> writer =
              new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class))) {
        rows.open(logits);
        writer.create(
            CodeBlocks.fileSchema(),
            Channels.newOutputStream(bytes),
            CodeBlocks.syncMarker(round.digest(), name, shard));
        Sha256 head = bytes.digestSoFar();
        for (int block = round.firstBlock(shard); block < round.endBlock(shard); block++) {
          rows.read(block);
          CodeBlock sealed = coder.code(block, rows);
          count(sealed.getHeader(), file);
          if (key != null) {
            BlockSeal.sign(sealed, head, key);
          }
          writer.append(sealed);
          writer.sync();
        }
        file.setMaxClip(coder.maxClip());
        file.setEarlier(coder.earlier());
      } catch (IOException | RuntimeException e) {
        discard(bytes, aside, e);
        throw e;
      }
      file.setBytes(bytes.bytes());
      context.output(file);
    }

    /** A full disk fails to close as well; what went wrong first is what is told. */
    private static void discard(DigestingChannel bytes, String aside, Exception first) {
      try {
        bytes.close();
      } catch (IOException e) {
        first.addSuppressed(e);
      }
      try {
        Storage.deleteIfExists(aside);
      } catch (IOException e) {
        first.addSuppressed(e);
      }
    }

    private SiteCoder coder(double clip) {
      return round.isRelative()
          ? new RelativeCoder(round, node, references)
          : new ClippedCoder(round, node, logits, clip);
    }

    private void count(BlockHeader header, EncodedFile file) {
      blocks.inc();
      clippedCoordinates.inc(header.getClipped());
      file.setProbes(file.getProbes() + header.getProbes());
      file.setPayloadBits(file.getPayloadBits() + header.getPayloadBits());
      file.setClipped(file.getClipped() + header.getClipped());
      file.setMasked(file.getMasked() + header.getMasked());
    }

    private double clip(ProcessContext context) throws BadInputException {
      if (auto == null) {
        return round.fixedClip(node).orElse(0);
      }
      double clip = Math.max(context.sideInput(auto), Centring.MIN_CLIP);
      ClippedCoder.checkClip(round, logits, clip, -1);
      return clip;
    }
  }
}
