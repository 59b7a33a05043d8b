package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.AnswerSet;
import dev.sluice.schemas.PredictionPart;
import dev.sluice.schemas.PredictionSet;
import dev.sluice.schemas.SetSizes;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.storage.Storage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.TypeDescriptors;

/**
 * Writes answer sets aside, in parts by a hash of the query, each sorted by query. A part is held
 * whole while it is sorted, so that its share of queries is bounded. A part without queries has no
 * file. FORMAT.md 10.6.
 */
@AutoValue
public abstract class WritePredictionSets
    extends PTransform<PCollection<PredictionSet>, PCollection<PredictionPart>> {
  /** Queries of a part, on average and at most. */
  static final int PART_QUERIES = 1 << 14;

  /** Queries times candidates of a part, on average and at most: some 50 MiB. */
  static final int PART_CANDIDATES = 1 << 20;

  private static final int MAX_PARTS = 100_000;

  abstract ServedSwarm served();

  abstract String directory();

  /** Writes below a directory. */
  public static WritePredictionSets into(ServedSwarm served, String directory) {
    return new AutoValue_WritePredictionSets(served, directory);
  }

  /** How many parts there are. */
  static int parts(long queries, int candidates) {
    long share = Math.max(1, Math.min(PART_QUERIES, PART_CANDIDATES / candidates));
    return (int) Math.max(1, Math.min(MAX_PARTS, -Math.floorDiv(-queries, share)));
  }

  /** The part of a query. */
  static int part(String query, int parts) {
    byte[] digest =
        CodeBlocks.sha256().digest(("sluice-sets-1|" + query).getBytes(StandardCharsets.UTF_8));
    return new BigInteger(1, digest).mod(BigInteger.valueOf(parts)).intValueExact();
  }

  @Override
  public PCollection<PredictionPart> expand(PCollection<PredictionSet> sets) {
    int parts = parts(served().queries().mostQueries(), served().threshold().candidates().size());
    return sets.apply(
            "PartOfQuery",
            WithKeys.of((PredictionSet set) -> part(set.getQuery(), parts))
                .withKeyType(TypeDescriptors.integers()))
        .setCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(PredictionSet.class)))
        .apply("GroupByPart", GroupByKey.create())
        .apply("WriteSorted", ParDo.of(new WriteFn(served(), directory())))
        .setCoder(AvroCoder.of(PredictionPart.class));
  }

  private static class WriteFn extends DoFn<KV<Integer, Iterable<PredictionSet>>, PredictionPart> {
    private static final long serialVersionUID = 1L;
    private final ServedSwarm served;
    private final String directory;

    WriteFn(ServedSwarm served, String directory) {
      this.served = served;
      this.directory = directory;
    }

    private record Encoded(byte[] query, byte[] bytes) {}

    @ProcessElement
    public void write(
        @Element KV<Integer, Iterable<PredictionSet>> part, OutputReceiver<PredictionPart> out)
        throws IOException {
      SpecificDatumWriter<PredictionSet> datum = new SpecificDatumWriter<>(PredictionSet.class);
      List<Encoded> sorted = new ArrayList<>();
      List<SetSizes> sizes = new ArrayList<>();
      served.threshold().alphas().forEach(alpha -> sizes.add(new SetSizes(alpha, 0L, 0L, 0L, 0L)));
      long fewerNodes = 0;
      ByteArrayOutputStream buffer = new ByteArrayOutputStream();
      BinaryEncoder encoder = null;
      for (PredictionSet set : part.getValue()) {
        buffer.reset();
        encoder = EncoderFactory.get().binaryEncoder(buffer, encoder);
        datum.write(set, encoder);
        encoder.flush();
        sorted.add(
            new Encoded(set.getQuery().getBytes(StandardCharsets.UTF_8), buffer.toByteArray()));
        count(set, sizes);
        fewerNodes += set.getNodes() < served.usualNodes() ? 1 : 0;
      }
      sorted.sort((one, other) -> Arrays.compareUnsigned(one.query(), other.query()));
      String aside = directory + "/sets." + UUID.randomUUID() + ".avro";
      out.output(
          new PredictionPart(
              part.getKey(),
              aside,
              (long) sorted.size(),
              fewerNodes,
              sizes,
              write(datum, sorted, aside, part.getKey())));
    }

    private String write(
        SpecificDatumWriter<PredictionSet> datum, List<Encoded> sorted, String aside, int part)
        throws IOException {
      MessageDigest sha = CodeBlocks.sha256();
      try (DataFileWriter<PredictionSet> writer = new DataFileWriter<>(datum)) {
        writer.create(
            PredictionSet.getClassSchema(),
            new DigestOutputStream(Channels.newOutputStream(Storage.create(aside)), sha),
            CodeBlocks.syncMarker(served.threshold().digest(), "sets", part));
        for (Encoded record : sorted) {
          writer.appendEncoded(ByteBuffer.wrap(record.bytes()));
        }
      }
      return HexFormat.of().formatHex(sha.digest());
    }

    private static void count(PredictionSet set, List<SetSizes> sizes) {
      for (int a = 0; a < sizes.size(); a++) {
        AnswerSet answers = set.getSets().get(a);
        int size = answers.getAnswers().size();
        SetSizes sum = sizes.get(a);
        sum.setAnswers(sum.getAnswers() + size);
        sum.setSingletons(sum.getSingletons() + (size == 1 ? 1 : 0));
        sum.setEmpty(sum.getEmpty() + (size == 0 ? 1 : 0));
        sum.setInfiniteThreshold(
            sum.getInfiniteThreshold() + (answers.getThreshold() == null ? 1 : 0));
      }
    }
  }
}
