package dev.sluice.transforms.rates;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodeCurve;
import dev.sluice.schemas.RateCurves;
import dev.sluice.schemas.RatePoint;
import dev.sluice.schemas.RateShare;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.reference.RateCurve;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
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
import org.apache.beam.sdk.values.PDone;

/**
 * Gathers what shards say about rates, holds it against the round's manifest, and writes the curves
 * of the nodes. Sums are in the order of the shards.
 */
@AutoValue
public abstract class CommitRates extends PTransform<PCollection<RateShare>, PDone> {
  /** Value of the document's field 'format'. */
  public static final String FORMAT = "sluice-curves-1";

  abstract CommittedRound committed();

  abstract String output();

  /** Writes the curves of a committed round to a file. */
  public static CommitRates of(CommittedRound committed, String output) {
    return new AutoValue_CommitRates(committed, output);
  }

  @Override
  public PDone expand(PCollection<RateShare> shares) {
    shares
        .apply("OneKey", WithKeys.of(0))
        .setCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(RateShare.class)))
        .apply("Gather", GroupByKey.create())
        .apply("WriteCurves", ParDo.of(new WriteFn(committed(), output())));
    return PDone.in(shares.getPipeline());
  }

  private static class WriteFn extends DoFn<KV<Integer, Iterable<RateShare>>, Void> {
    private static final long serialVersionUID = 1L;
    private final CommittedRound committed;
    private final String output;

    WriteFn(CommittedRound committed, String output) {
      this.committed = committed;
      this.output = output;
    }

    @ProcessElement
    public void write(@Element KV<Integer, Iterable<RateShare>> all) throws IOException {
      List<RateShare> shares = new ArrayList<>();
      all.getValue().forEach(shares::add);
      shares.sort(Comparator.comparingInt(RateShare::getShard));
      List<NodeCurve> nodes = new ArrayList<>();
      for (int node = 0; node < committed.manifest().getNodes().size(); node++) {
        int index = node;
        List<RateShare> own = shares.stream().filter(share -> share.getNode() == index).toList();
        if (!own.isEmpty()) {
          nodes.add(curve(committed.manifest().getNodes().get(node), own));
        }
      }
      Storage.replace(
          output,
          PlainJson.write(
              RateCurves.newBuilder()
                  .setFormat(FORMAT)
                  .setRound(committed.round().plan().getId())
                  .setPlanDigest(committed.round().digestHex())
                  .setManifestDigest(committed.manifestDigestHex())
                  .setNodes(nodes)
                  .build()));
    }

    private NodeCurve curve(NodeAccount node, List<RateShare> shares) throws BadInputException {
      MessageDigest digests = CodeBlocks.sha256();
      long probes = 0;
      int points = Integer.MAX_VALUE;
      for (RateShare share : shares) {
        digests.update(share.getDigest().bytes());
        probes += share.getProbes();
        points = Math.min(points, share.getBits().size());
      }
      String found = HexFormat.of().formatHex(digests.digest());
      if (!found.equals(node.getDigest())) {
        throw new BadInputException(
            "the uplink of '"
                + node.getName()
                + "' is not what was averaged: found blocks of digest "
                + found
                + ", expected "
                + node.getDigest()
                + " as in manifest.json; aggregate again");
      }
      List<RatePoint> curve = new ArrayList<>();
      for (int point = 0; point < points; point++) {
        double bits = 0;
        double noise = 0;
        double unsent = 0;
        for (RateShare share : shares) {
          bits += share.getBits().get(point);
          noise += share.getNoise().get(point);
          unsent += share.getUnsent().get(point);
        }
        curve.add(
            new RatePoint(point * RateCurve.STEP, bits / probes, noise / probes, unsent / probes));
      }
      double frame = node.getUplinkBitsPerProbe() - node.getPayloadBitsPerProbe();
      return new NodeCurve(node.getName(), probes, frame, curve);
    }
  }
}
