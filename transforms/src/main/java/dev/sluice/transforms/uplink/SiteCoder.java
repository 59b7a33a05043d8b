package dev.sluice.transforms.uplink;

import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Sha256;
import java.io.Closeable;
import java.io.IOException;
import java.util.List;

/** A site's end of a channel: makes sealed blocks of a node's logits, for one uplink file. */
interface SiteCoder extends Closeable {
  /** The sealed block of the logits that were read last. */
  CodeBlock code(int block, LogitBlock rows) throws IOException;

  /** Largest clip so far, logits; 0 where nothing is clipped. */
  double maxClip();

  /** By earlier digit plane, the digest of the digests of what was sent of these blocks then. */
  List<Sha256> earlier();
}
