package dev.sluice.transforms.storage;

import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.avro.CodeBlocks;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.security.MessageDigest;
import java.util.HexFormat;

/** Passes bytes on, counting them and taking their SHA-256. Not thread-safe. */
public final class DigestingChannel implements WritableByteChannel {
  private final WritableByteChannel out;
  private final MessageDigest sha = CodeBlocks.sha256();
  private long bytes;

  public DigestingChannel(WritableByteChannel out) {
    this.out = out;
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    int from = source.position();
    int written = out.write(source);
    ByteBuffer passed = source.duplicate();
    passed.position(from).limit(from + written);
    sha.update(passed);
    bytes += written;
    return written;
  }

  /** Bytes passed on so far. */
  public long bytes() {
    return bytes;
  }

  /** Hexadecimal SHA-256 of what was passed on; call once, at the end. */
  public String sha256() {
    return HexFormat.of().formatHex(sha.digest());
  }

  /** SHA-256 of what was passed on so far; as often as one likes. */
  public Sha256 digestSoFar() {
    try {
      return new Sha256(((MessageDigest) sha.clone()).digest());
    } catch (CloneNotSupportedException e) {
      throw new IllegalStateException(e); // the JDK's own can be
    }
  }

  @Override
  public boolean isOpen() {
    return out.isOpen();
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
