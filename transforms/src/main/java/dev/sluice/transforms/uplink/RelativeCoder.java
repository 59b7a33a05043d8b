package dev.sluice.transforms.uplink;

import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Sha256;
import dev.sluice.transforms.reference.ReferenceEncoder;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.util.List;

/** The reference channel: relative to public logits, and entropy coded. FORMAT 15. */
final class RelativeCoder implements SiteCoder {
  private final ReferenceRows reference;
  private final BlockSeal seal;
  private final ReferenceEncoder encoder;

  /**
   * A coder of one file of a node.
   *
   * @param directory where references lie
   */
  RelativeCoder(PlannedRound round, int node, RoundDirectory directory) {
    this.reference = new ReferenceRows(round, directory);
    this.seal = new BlockSeal(round, node);
    double kappa = round.plan().getReference().getKappa();
    this.encoder = new ReferenceEncoder(round.probesIn(0), round.vocabulary(), kappa);
  }

  @Override
  public CodeBlock code(int block, LogitBlock rows) throws IOException {
    reference.read(block);
    try {
      return seal.seal(block, rows.centred(), reference, encoder);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(rows.file() + ": block " + block + ": " + e.getMessage(), e);
    }
  }

  @Override
  public double maxClip() {
    return 0;
  }

  @Override
  public List<Sha256> earlier() {
    return List.of();
  }

  @Override
  public void close() throws IOException {
    reference.close();
  }
}
