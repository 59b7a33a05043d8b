package dev.sluice.schemas.avro;

import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.Sha256;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.zip.CRC32C;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumWriter;

/** Bytes of code blocks: canonical headers, checksums, content digests, and a bounded parser. */
public final class CodeBlocks {
  /** Most bytes of codes in a block. */
  public static final int MAX_CODES_BYTES = 1 << 20;

  private static final int MAX_NAME_BYTES = 256;

  private CodeBlocks() {}

  /**
   * A code block as it lies in a buffer.
   *
   * @param header the header
   * @param crc32c the checksum it carries, not verified
   * @param from first byte of the codes in the buffer
   * @param lengthBytes length of the codes
   * @param end first byte after the record
   */
  public record Parsed(BlockHeader header, int crc32c, int from, int lengthBytes, int end) {}

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
    Cursor in = new Cursor(buffer, from, to);
    BlockHeader header = new BlockHeader();
    header.setRound(in.readString("round"));
    header.setPlan(new Sha256(in.readFixed("plan", 32)));
    header.setNode(in.readString("node"));
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
    return new Parsed(header, crc, in.at, (int) length, in.at + (int) length);
  }

  private static final class Cursor {
    private final byte[] buffer;
    private final int to;
    private int at;

    Cursor(byte[] buffer, int from, int to) {
      this.buffer = buffer;
      this.at = from;
      this.to = to;
    }

    int remaining() {
      return to - at;
    }

    long readLong(String field) throws CorruptRecordException {
      long raw = 0;
      for (int shift = 0; shift < 70; shift += 7) {
        require(field, 1);
        byte b = buffer[at++];
        raw |= (b & 0x7fL) << shift;
        if (b >= 0) {
          return raw >>> 1 ^ -(raw & 1);
        }
      }
      throw new CorruptRecordException(field + " is no Avro number: more than ten bytes");
    }

    int readInt(String field) throws CorruptRecordException {
      long value = readLong(field);
      if (value != (int) value) {
        throw new CorruptRecordException(field + " is " + value + ", outside 32 bits");
      }
      return (int) value;
    }

    double readDouble(String field) throws CorruptRecordException {
      byte[] raw = readFixed(field, 8);
      long bits = 0;
      for (int i = 7; i >= 0; i--) {
        bits = (bits << 8) | (raw[i] & 0xff);
      }
      return Double.longBitsToDouble(bits);
    }

    byte[] readFixed(String field, int length) throws CorruptRecordException {
      require(field, length);
      byte[] raw = java.util.Arrays.copyOfRange(buffer, at, at + length);
      at += length;
      return raw;
    }

    String readString(String field) throws CorruptRecordException {
      long length = readLong(field);
      if (length < 0 || length > MAX_NAME_BYTES) {
        throw new CorruptRecordException(
            field + " claims " + length + " bytes, at most " + MAX_NAME_BYTES + " allowed");
      }
      return new String(readFixed(field, (int) length), StandardCharsets.UTF_8);
    }

    private void require(String field, int length) throws CorruptRecordException {
      if (remaining() < length) {
        throw new CorruptRecordException("the record ends inside " + field);
      }
    }
  }
}
