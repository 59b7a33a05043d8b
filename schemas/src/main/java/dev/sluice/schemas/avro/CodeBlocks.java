package dev.sluice.schemas.avro;

import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Sha256;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.zip.CRC32C;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumWriter;

/** Bytes of code blocks: canonical headers, checksums, content digests, and a bounded parser. */
public final class CodeBlocks {
  /** Most bytes of codes in a block. */
  public static final int MAX_CODES_BYTES = 1 << 20;

  /** Bytes of an Ed25519 signature. */
  public static final int SIGNATURE_BYTES = 64;

  private static final int MAX_NAME_BYTES = 256;

  private static final Schema FILE_SCHEMA =
      new Schema.Parser().parse(SchemaNormalization.toParsingForm(CodeBlock.getClassSchema()));

  private CodeBlocks() {}

  /**
   * The schema that the heads of uplink files name: that of code blocks in its parsing canonical
   * form, without what is for people, which is two thirds of it.
   */
  public static Schema fileSchema() {
    return FILE_SCHEMA;
  }

  /**
   * A code block as it lies in a buffer.
   *
   * @param header the header
   * @param crc32c the checksum it carries, not verified
   * @param from first byte of the codes in the buffer
   * @param lengthBytes length of the codes
   * @param signature the signature it carries, empty or 64 bytes, not verified
   * @param end first byte after the record
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Parsed(
      BlockHeader header, int crc32c, int from, int lengthBytes, byte[] signature, int end) {}

  /** The Avro binary encoding of a header: what checksum and digest begin with. */
  public static byte[] headerBytes(BlockHeader header) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(160);
    BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
    try {
      new SpecificDatumWriter<>(BlockHeader.class).write(header, encoder);
      encoder.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** CRC-32C of header bytes followed by codes. FORMAT.md 4.3. */
  public static int crc32c(byte[] headerBytes, byte[] codes, int from, int lengthBytes) {
    CRC32C crc = new CRC32C();
    crc.update(headerBytes, 0, headerBytes.length);
    crc.update(codes, from, lengthBytes);
    return (int) crc.getValue();
  }

  /** SHA-256 of header bytes followed by codes. FORMAT.md 4.3. */
  public static Sha256 digest(byte[] headerBytes, byte[] codes, int from, int lengthBytes) {
    MessageDigest sha = sha256();
    sha.update(headerBytes);
    sha.update(codes, from, lengthBytes);
    return new Sha256(sha.digest());
  }

  /** A new SHA-256, which every Java platform has. */
  public static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * The sync marker of a container that Sluice writes: a function of what the container is, so that
   * the same content gives the same file. FORMAT.md 4.4.
   */
  public static byte[] syncMarker(Sha256 plan, String what, int index) {
    MessageDigest sha = sha256();
    sha.update(plan.bytes());
    sha.update(what.getBytes(StandardCharsets.UTF_8));
    for (int shift = 0; shift < 32; shift += 8) {
      sha.update((byte) (index >>> shift));
    }
    return java.util.Arrays.copyOf(sha.digest(), 16);
  }

  /**
   * Parses one record of schema CodeBlock.
   *
   * @param buffer holds the record from {@code from}; nothing at or after {@code to} is read
   * @throws CorruptRecordException if the bytes are no such record
   */
  public static Parsed parse(byte[] buffer, int from, int to) throws CorruptRecordException {
    AvroCursor in = new AvroCursor(buffer, from, to);
    BlockHeader header = new BlockHeader();
    header.setRound(in.readString("round", MAX_NAME_BYTES));
    header.setPlan(new Sha256(in.readFixed("plan", 32)));
    header.setNode(in.readString("node", MAX_NAME_BYTES));
    header.setPlane(in.readInt("plane"));
    header.setBlock(in.readInt("block"));
    header.setFirstProbe(in.readLong("firstProbe"));
    header.setProbes(in.readInt("probes"));
    header.setClip(in.readDouble("clip"));
    header.setClipped(in.readLong("clipped"));
    header.setMasked(in.readLong("masked"));
    header.setPayloadBits(in.readLong("payloadBits"));
    int crc = in.readInt("crc32c");
    long length = in.readLong("codes' length");
    if (length < 0 || length > MAX_CODES_BYTES || length > in.remaining()) {
      throw new CorruptRecordException(
          "codes claim "
              + length
              + " bytes; the record has "
              + in.remaining()
              + " left and a block at most "
              + MAX_CODES_BYTES);
    }
    int codesAt = in.position();
    in.skip((int) length);
    long signed = in.readLong("signature's length");
    if (signed != 0 && signed != SIGNATURE_BYTES) {
      throw new CorruptRecordException(
          "a signature claims " + signed + " bytes, expected none or " + SIGNATURE_BYTES);
    }
    byte[] signature = in.readFixed("signature", (int) signed);
    return new Parsed(header, crc, codesAt, (int) length, signature, in.position());
  }
}
