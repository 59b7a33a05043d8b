package dev.sluice.transforms.estimation;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.BlockClaim;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PDone;

/**
 * What the hub knows of each node's logits after a round of the reference channel, as a matrix of
 * its own: {@link NodeEstimate}. A node at a time, its blocks read thrice; the node's claims, one
 * block, and its regression are in memory.
 */
@AutoValue
public abstract class EstimateNodes extends PTransform<PCollection<BlockClaim>, PDone> {
  abstract PlannedRound round();

  abstract RoundDirectory directory();

  abstract ProbeFeatures features();

  abstract String into();

  /**
   * Estimates the nodes of a round.
   *
   * @param features of its reference
   * @param into directory, for a file {@link RoundDirectory#ownReference} of each node that sent
   *     anything
   */
  public static EstimateNodes of(
      PlannedRound round, RoundDirectory directory, ProbeFeatures features, String into) {
    return new AutoValue_EstimateNodes(round, directory, features, into);
  }

  @Override
  public PDone expand(PCollection<BlockClaim> claims) {
    claims
        .apply("KeyByNode", ParDo.of(new KeyFn(round())))
        .setCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(BlockClaim.class)))
        .apply("GroupByNode", GroupByKey.create())
        .apply("EstimateNode", ParDo.of(new EstimateFn(this)));
    return PDone.in(claims.getPipeline());
  }

  private static class KeyFn extends DoFn<BlockClaim, KV<Integer, BlockClaim>> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;

    KeyFn(PlannedRound round) {
      this.round = round;
    }

    @ProcessElement
    public void key(@Element BlockClaim claim, OutputReceiver<KV<Integer, BlockClaim>> out) {
      out.output(KV.of(round.indexOf(claim.getHeader().getNode()).orElseThrow(), claim));
    }
  }

  private static class EstimateFn extends DoFn<KV<Integer, Iterable<BlockClaim>>, Void> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;
    private final RoundDirectory directory;
    private final ProbeFeatures features;
    private final String into;

    EstimateFn(EstimateNodes estimate) {
      this.round = estimate.round();
      this.directory = estimate.directory();
      this.features = estimate.features();
      this.into = estimate.into();
    }

    @ProcessElement
    public void estimate(@Element KV<Integer, Iterable<BlockClaim>> node) throws IOException {
      List<BlockClaim> claims = new ArrayList<>();
      node.getValue().forEach(claims::add);
      String name = round.nodes().get(node.getKey()).getName();
      try (NodeEstimate estimate =
          new NodeEstimate(round, directory, node.getKey(), claims, features)) {
        estimate.write(into + "/" + RoundDirectory.ownReference(name));
      }
    }
  }
}
