package dev.sluice.schemas.avro;

import dev.sluice.schemas.Sha256;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Optional;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;

/**
 * Reads the blocks of an Avro object container file that nobody vouches for.
 *
 * <p>Differs from Avro's own reader in three ways that an uplink needs: a claimed size is checked
 * before a byte is allocated; every block comes with its position in the file; and after damage,
 * reading goes on at the next sync marker, so that a broken block costs itself and no other.
 *
 * <p>Memory: one window of {@link #MAX_BLOCK_BYTES} and a little more. Not thread-safe.
 */
public final class ContainerScanner implements Closeable {
  /** Largest Avro block accepted: 1 MiB of codes and room for headers. FORMAT.md 4. */
  public static final int MAX_BLOCK_BYTES = (1 << 20) + (64 << 10);

  private static final int MAX_METADATA_BYTES = 64 << 10;
  private static final int SYNC_BYTES = 16;

  /** Frames looked at inside one block before it is held to be damaged. */
  private static final int MAX_HIDDEN_FRAMES = 1 << 17;

  private static final int MAX_FRAME_BYTES = 20; // two longs of at most ten bytes
  private static final byte[] MAGIC = {'O', 'b', 'j', 1};

  /** What the file holds at one place. */
  public sealed interface Item permits Block, Damage {
    /** Byte position in the file. */
    long offset();
  }

  /**
   * One Avro block.
   *
   * @param offset position in the file of the first byte of data
   * @param records how many records the block claims, at least 1
   * @param window holds the data; valid until the next call
   * @param from first byte of the data in window
   * @param lengthBytes length of the data
   */
  @SuppressWarnings("ArrayRecordComponent") // a view of the scanner's buffer, never compared
  public record Block(long offset, long records, byte[] window, int from, int lengthBytes)
      implements Item {}

  /**
   * A place that could not be read.
   *
   * @param oversized whether it claims more than {@link #MAX_BLOCK_BYTES}
   * @param detail what was found and what was expected
   */
  public record Damage(long offset, boolean oversized, String detail) implements Item {}

  private final InputStream in;
  private final byte[] window = new byte[MAX_BLOCK_BYTES + 64];
  private final byte[] sync = new byte[SYNC_BYTES];
  private final int[] step = new int[256]; // how far findSync may go on, by the byte it stands on
  private final MessageDigest headBytes = CodeBlocks.sha256();
  private Sha256 headDigest; // null while the head is being read
  private long base; // position in the file of window[0]
  private int at; // next unread byte of window
  private int frames; // looked at by areBlocks inside the block at hand
  private int limit; // bytes of window that are filled

  /**
   * Reads the container's header.
   *
   * @param expected schema of the records; the file's must have the same parsing canonical form
   * @throws NotAContainerException if the file is no uncompressed container of such records
   */
  public ContainerScanner(InputStream in, Schema expected)
      throws IOException, NotAContainerException {
    this.in = in;
    if (!fill(MAGIC.length)
        || !Arrays.equals(window, at, at + MAGIC.length, MAGIC, 0, MAGIC.length)) {
      throw new NotAContainerException(
          "it does not begin with the bytes of an Avro container, 'Obj' and 1");
    }
    at += MAGIC.length;
    String codec = "null";
    Optional<String> schema = Optional.empty();
    try {
      for (long entries = readLong(); entries != 0; entries = readLong()) {
        if (entries < 0) {
          entries = Math.negateExact(entries);
          readLong(); // the map block's size in bytes, which readers may ignore
        }
        for (long i = 0; i < entries; i++) {
          String key = readString();
          String value = readString();
          if (key.equals("avro.codec")) {
            codec = value;
          } else if (key.equals("avro.schema")) {
            schema = Optional.of(value);
          }
          if (base + at > MAX_METADATA_BYTES) {
            throw new NotAContainerException(
                "its metadata exceeds " + MAX_METADATA_BYTES + " bytes");
          }
        }
      }
      if (!fill(SYNC_BYTES)) {
        throw new EOFException();
      }
    } catch (EOFException e) {
      throw new NotAContainerException("it ends inside its own metadata");
    } catch (ArithmeticException e) {
      throw new NotAContainerException("its metadata claims an impossible count");
    }
    System.arraycopy(window, at, sync, 0, SYNC_BYTES);
    at += SYNC_BYTES;
    headBytes.update(window, 0, at);
    headDigest = new Sha256(headBytes.digest());
    Arrays.fill(step, SYNC_BYTES);
    for (int i = 0; i < SYNC_BYTES - 1; i++) {
      step[sync[i] & 0xff] = SYNC_BYTES - 1 - i;
    }
    if (!codec.equals("null")) {
      throw new NotAContainerException(
          "it is compressed with codec '" + printable(codec) + "', expected codec 'null'");
    }
    requireSchema(schema, expected);
  }

  private static void requireSchema(Optional<String> found, Schema expected)
      throws NotAContainerException {
    if (found.isEmpty()) {
      throw new NotAContainerException("it names no schema");
    }
    Schema schema;
    long fingerprint;
    try {
      schema = new Schema.Parser().parse(found.get());
      fingerprint = SchemaNormalization.parsingFingerprint64(schema);
    } catch (RuntimeException | StackOverflowError e) {
      // The parser reports faults as many types, not all of them its own.
      throw new NotAContainerException("its schema cannot be parsed");
    }
    if (fingerprint != SchemaNormalization.parsingFingerprint64(expected)) {
      throw new NotAContainerException(
          "it holds records of schema '"
              + printable(schema.getFullName())
              + "' with other fields, expected exactly '"
              + expected.getFullName()
              + "' of this version");
    }
  }

  /** SHA-256 of everything before the first Avro block, sync marker included. FORMAT.md 4.5. */
  public Sha256 headDigest() {
    return headDigest;
  }

  /** The next block or damage; empty at the end of the file. */
  public Optional<Item> next() throws IOException {
    // Whole frames stay in the window, so that the search after damage can begin where it began.
    fill(MAX_FRAME_BYTES);
    if (at == limit) {
      return Optional.empty();
    }
    long start = base + at;
    long records;
    long size;
    try {
      records = readLong();
      size = readLong();
    } catch (EOFException e) {
      at = limit;
      return Optional.of(new Damage(start, false, "the file ends inside a block's frame"));
    } catch (ArithmeticException e) {
      return Optional.of(damage(start, false, "a block's frame is no pair of Avro longs"));
    }
    if (size > MAX_BLOCK_BYTES) {
      return Optional.of(
          damage(
              start,
              true,
              "an Avro block claims " + size + " bytes, at most " + MAX_BLOCK_BYTES + " allowed"));
    }
    if (records < 1 || size < 0) {
      return Optional.of(
          damage(
              start, false, "an Avro block claims " + records + " records in " + size + " bytes"));
    }
    int length = (int) size;
    int frame = (int) (base + at - start);
    at -= frame;
    boolean whole = fill(frame + length + SYNC_BYTES);
    at += frame;
    if (!whole) {
      int found = limit - at;
      return Optional.of(
          damage(
              start,
              false,
              "truncated: the file ends "
                  + found
                  + " bytes into an Avro block of "
                  + length
                  + " bytes and its sync marker"));
    }
    int end = at + length;
    if (!isSync(end)) {
      return Optional.of(damage(start, false, "an Avro block does not end with the sync marker"));
    }
    if (hidesBlocks(at, end)) {
      return Optional.of(damage(start, false, "an Avro block's size takes in the blocks after it"));
    }
    Block block = new Block(base + at, records, window, at, length);
    at = end + SYNC_BYTES;
    return Optional.of(block);
  }

  @Override
  public void close() throws IOException {
    in.close();
  }

  /** Moves past the next sync marker at or after the start of the damage, or to the file's end. */
  private Damage damage(long start, boolean oversized, String detail) throws IOException {
    at = (int) (start - base);
    while (fill(SYNC_BYTES)) {
      int found = findSync(at, limit);
      if (found >= 0) {
        at = found + SYNC_BYTES;
        return new Damage(start, oversized, detail);
      }
      at = limit - SYNC_BYTES + 1;
    }
    at = limit;
    return new Damage(start, oversized, detail);
  }

  /**
   * The first sync marker that lies in {@code [from, to)} of the window, or -1. Every byte of every
   * uplink is looked at here, so it steps as Horspool's search does: by the place of the byte under
   * the marker's end.
   */
  private int findSync(int from, int to) {
    byte last = sync[SYNC_BYTES - 1];
    int end = from + SYNC_BYTES - 1;
    while (end < to) {
      byte under = window[end];
      if (under == last && isSync(end - SYNC_BYTES + 1)) {
        return end - SYNC_BYTES + 1;
      }
      end += step[under & 0xff];
    }
    return -1;
  }

  private boolean isSync(int position) {
    return window[position] == sync[0]
        && Arrays.equals(window, position, position + SYNC_BYTES, sync, 0, SYNC_BYTES);
  }

  /**
   * Whether a wrong size ends at a later block's marker: somewhere inside is a marker, and from
   * there on sound blocks up to the end. (A marker alone may be data, where a writer's is all 0.)
   */
  private boolean hidesBlocks(int from, int end) throws IOException {
    int before = at;
    boolean hides = false;
    frames = 0;
    for (int marker = findSync(from, end); marker >= 0 && !hides; ) {
      hides = areBlocks(marker + SYNC_BYTES, end);
      marker = findSync(marker + 1, end);
    }
    at = before;
    return hides;
  }

  /**
   * Whether blocks lie end to end in {@code [from, end)}, a marker following. Moves {@link #at}.
   */
  private boolean areBlocks(int from, int end) throws IOException {
    at = from;
    while (at < end && at + MAX_FRAME_BYTES <= limit) {
      if (++frames > MAX_HIDDEN_FRAMES) {
        return true; // markers end on end are no codes: bounded work, and a reject
      }
      long records;
      long size;
      try {
        records = readLong();
        size = readLong();
      } catch (ArithmeticException e) {
        return false;
      }
      if (records < 1 || size < 0 || size > end - at || !isSync(at + (int) size)) {
        return false;
      }
      at += (int) size;
      if (at == end) {
        return true;
      }
      at += SYNC_BYTES;
    }
    return false;
  }

  /** Makes {@code count} bytes readable at {@code at}; false if the file ends before. */
  private boolean fill(int count) throws IOException {
    if (limit - at >= count) {
      return true;
    }
    if (headDigest == null) {
      headBytes.update(window, 0, at);
    }
    System.arraycopy(window, at, window, 0, limit - at);
    base += at;
    limit -= at;
    at = 0;
    while (limit < count) {
      int got = in.read(window, limit, window.length - limit);
      if (got < 0) {
        return false;
      }
      limit += got;
    }
    return true;
  }

  private long readLong() throws IOException {
    long raw = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (!fill(1)) {
        throw new EOFException();
      }
      byte b = window[at++];
      raw |= (b & 0x7fL) << shift;
      if (b >= 0) {
        return raw >>> 1 ^ -(raw & 1);
      }
    }
    throw new ArithmeticException("varint longer than ten bytes");
  }

  private String readString() throws IOException, NotAContainerException {
    long length = readLong();
    if (length < 0 || length > MAX_METADATA_BYTES) {
      throw new NotAContainerException("its metadata claims a string of " + length + " bytes");
    }
    if (!fill((int) length)) {
      throw new EOFException();
    }
    String text = new String(window, at, (int) length, StandardCharsets.UTF_8);
    at += (int) length;
    return text;
  }

  private static String printable(String text) {
    String clean = text.replaceAll("[^\\x20-\\x7e]", "?");
    return clean.length() <= 40 ? clean : clean.substring(0, 37) + "...";
  }
}
