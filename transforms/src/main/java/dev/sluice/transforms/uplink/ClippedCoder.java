package dev.sluice.transforms.uplink;

import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;

/** The channel of THEORY 2: clipped, dithered, and packed by radices; a digit plane of it. */
final class ClippedCoder implements SiteCoder {
  private final PlannedRound round;
  private final String logits;
  private final double clip;
  private final BlockSeal seal;
  private final MessageDigest[] earlier;
  private double maxClip;

  /**
   * A coder of one file of a node.
   *
   * @param logits what errors call the node's logits
   * @param clip of all probes, logits; not read where each probe has its own
   */
  ClippedCoder(PlannedRound round, int node, String logits, double clip) {
    this.round = round;
    this.logits = logits;
    this.clip = clip;
    this.seal = new BlockSeal(round, node);
    this.earlier = new MessageDigest[round.plane(node)];
    Arrays.setAll(earlier, plane -> CodeBlocks.sha256());
  }

  @Override
  public CodeBlock code(int block, LogitBlock rows) throws BadInputException {
    double[] clips = new double[round.probesIn(block)];
    for (int probe = 0; probe < clips.length; probe++) {
      if (round.clipPerProbe()) {
        checkClip(round, logits, rows.magnitudes()[probe], round.firstProbe(block) + probe);
        clips[probe] = Centring.clipOf(Centring.clipUp(rows.magnitudes()[probe]));
      } else {
        clips[probe] = clip;
      }
      maxClip = Math.max(maxClip, clips[probe]);
    }
    for (int plane = 0; plane < earlier.length; plane++) {
      CodeBlock then = seal.sealAgain(plane, block, rows.centred(), clips);
      earlier[plane].update(BlockSeal.digest(then).bytes());
    }
    return seal.seal(block, rows.centred(), clips);
  }

  /**
   * Refuses a clip that follows data further than sums stay exact.
   *
   * @param probe whose clip it is; negative where it is the node's
   */
  static void checkClip(PlannedRound round, String logits, double clip, long probe)
      throws BadInputException {
    double most =
        Math.min(
            PlannedRound.MAX_NODES_TIMES_CLIP / round.nodes().size(),
            probe < 0 ? Double.MAX_VALUE : Centring.MAX_PROBE_CLIP);
    if (clip > most) {
      throw new BadInputException(
          logits
              + ": "
              + (probe < 0 ? "" : "probe " + probe + ": ")
              + "logits reach "
              + clip
              + " from their midrange, expected at most "
              + most
              + " for a clip that follows the data; plan the round with a fixed clip");
    }
  }

  @Override
  public double maxClip() {
    return maxClip;
  }

  @Override
  public List<Sha256> earlier() {
    return Arrays.stream(earlier).map(digests -> new Sha256(digests.digest())).toList();
  }

  @Override
  public void close() {}
}
