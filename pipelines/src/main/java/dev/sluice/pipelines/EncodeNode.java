package dev.sluice.pipelines;

import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.commit.CommitUplink;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.trust.SigningKey;
import dev.sluice.transforms.uplink.EncodeUplink;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Reshuffle;

/**
 * A site's end of a round: rows of logits, file by file of the layout, dithered, packed, written
 * aside and moved into place together.
 */
public final class EncodeNode {
  private EncodeNode() {}

  /** Adds the encoding of one node to a pipeline, in a round that is not signed. */
  public static void build(
      Pipeline pipeline,
      PlannedRound round,
      RoundDirectory directory,
      int node,
      String logits,
      Centring.Masking masking,
      String attempt) {
    build(pipeline, round, directory, node, logits, masking, Optional.empty(), attempt);
  }

  /**
   * Adds the encoding of one node to a pipeline.
   *
   * @param node index in the plan
   * @param logits .npy file of m × V
   * @param key the node's, where the round is signed
   * @param attempt a name that no other attempt at this round uses
   */
  public static void build(
      Pipeline pipeline,
      PlannedRound round,
      RoundDirectory directory,
      int node,
      String logits,
      Centring.Masking masking,
      Optional<SigningKey> key,
      String attempt) {
    EncodeUplink encode =
        EncodeUplink.of(round, node, logits, directory.aside(attempt))
            .withMasking(masking)
            .withReferences(directory);
    String name = round.nodes().get(node).getName();
    pipeline
        .apply(
            "UplinkFiles-" + name,
            Create.of(IntStream.range(0, round.shards()).boxed().toList())
                .withCoder(VarIntCoder.of()))
        .apply("Spread-" + name, Reshuffle.viaRandomKey())
        .apply("EncodeUplink-" + name, key.isEmpty() ? encode : encode.withKey(key.get()))
        .apply("CommitUplink-" + name, CommitUplink.to(directory.uplink(name), round, node));
  }
}
