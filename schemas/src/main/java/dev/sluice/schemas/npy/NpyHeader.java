package dev.sluice.schemas.npy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * The header of a {@code .npy} file that holds a matrix of floating-point numbers: format versions
 * 1.0, 2.0 and 3.0, dtypes {@code f2}, {@code f4} and {@code f8} of either byte order, C order, two
 * dimensions, neither of them zero. Everything else is refused.
 *
 * <p>Format: numpy.lib.format, NEP 1. Bytes 0 to 5 are the magic, 6 and 7 the version, then the
 * length of the text as an unsigned little-endian integer of 2 bytes (1.0) or 4 bytes (2.0, 3.0),
 * then the text, a Python dict literal.
 *
 * @param version major version of the format, 1 to 3
 * @param type what an element is
 * @param order byte order of the elements
 * @param rows at least 1
 * @param columns at least 1
 * @param dataOffsetBytes from the start of the file to element (0, 0)
 */
public record NpyHeader(
    int version, ElementType type, ByteOrder order, long rows, int columns, long dataOffsetBytes) {

  /** Longest header text that is read, in bytes. numpy's own for a matrix has 118. */
  public static final int MAX_TEXT_BYTES = 1 << 16;

  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};

  /** IEEE 754 binary16, binary32 and binary64. */
  public enum ElementType {
    FLOAT16(2),
    FLOAT32(4),
    FLOAT64(8);

    private final int sizeBytes;

    ElementType(int sizeBytes) {
      this.sizeBytes = sizeBytes;
    }

    public int sizeBytes() {
      return sizeBytes;
    }
  }

  /**
   * Reads a header and leaves the channel at element (0, 0).
   *
   * @param name what errors call the file
   * @throws NpyException when it is not the header of such a matrix
   */
  public static NpyHeader read(ReadableByteChannel channel, String name) throws IOException {
    return of(preamble(channel, name), name);
  }

  /**
   * A header before anybody has asked what array it is of.
   *
   * @param version major version of the format, 1 to 3
   * @param fields descr, fortran_order and shape, and no others
   * @param dataOffsetBytes from the start of the file to the first element
   */
  record Preamble(int version, Map<String, Object> fields, long dataOffsetBytes) {
    /** The byte order of elements whose dtype is known. */
    ByteOrder order() {
      return ((String) fields.get("descr")).charAt(0) == '<'
          ? ByteOrder.LITTLE_ENDIAN
          : ByteOrder.BIG_ENDIAN;
    }

    /**
     * The shape.
     *
     * @param dimensions how many are expected
     * @param expected the same in words
     */
    List<Long> shape(int dimensions, String expected, String name) throws NpyException {
      Object shape = fields.get("shape");
      if (!(shape instanceof PythonLiteral.Tuple tuple)
          || !tuple.items().stream().allMatch(Long.class::isInstance)) {
        throw new NpyException(
            name, "shape is " + PythonLiteral.show(shape) + ", expected " + expected);
      }
      if (tuple.items().size() != dimensions) {
        throw new NpyException(
            name,
            "shape "
                + tuple
                + " has "
                + tuple.items().size()
                + " dimensions, expected "
                + dimensions
                + ": "
                + expected);
      }
      List<Long> lengths = tuple.items().stream().map(Long.class::cast).toList();
      if (lengths.stream().anyMatch(length -> length < 0)) {
        throw new NpyException(name, "shape " + tuple + " is negative");
      }
      return lengths;
    }
  }

  /** Reads a header and leaves the channel at the first element. */
  static Preamble preamble(ReadableByteChannel channel, String name) throws IOException {
    ByteBuffer preamble = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    int found = readFully(channel, preamble);
    for (int i = 0; i < MAGIC.length; i++) {
      if (i >= found || preamble.get(i) != MAGIC[i]) {
        throw new NpyException(
            name,
            "not an npy file: starts with "
                + hex(preamble.array(), Math.min(found, MAGIC.length))
                + ", expected 93 4e 55 4d 50 59");
      }
    }
    if (found < 8) {
      throw truncated(name, found, "8 bytes of magic and version");
    }
    int major = preamble.get(6) & 0xff;
    int minor = preamble.get(7) & 0xff;
    if (major < 1 || major > 3 || minor != 0) {
      throw new NpyException(
          name, "npy format version " + major + "." + minor + ", expected 1.0, 2.0 or 3.0");
    }
    int lengthBytes = major == 1 ? 2 : 4;
    ByteBuffer length = ByteBuffer.allocate(lengthBytes).order(ByteOrder.LITTLE_ENDIAN);
    found = readFully(channel, length);
    if (found < lengthBytes) {
      throw truncated(name, 8L + found, "a " + lengthBytes + "-byte header length");
    }
    long textBytes = major == 1 ? length.getShort(0) & 0xffffL : length.getInt(0) & 0xffffffffL;
    if (textBytes > MAX_TEXT_BYTES) {
      throw new NpyException(
          name, "header of " + textBytes + " bytes, expected at most " + MAX_TEXT_BYTES);
    }
    ByteBuffer text = ByteBuffer.allocate((int) textBytes);
    found = readFully(channel, text);
    long textOffset = 8L + lengthBytes;
    if (found < textBytes) {
      throw truncated(
          name, textOffset + found, "a header that ends at byte " + (textOffset + textBytes));
    }
    text.flip();
    String literal;
    try {
      literal =
          (major < 3 ? StandardCharsets.ISO_8859_1 : StandardCharsets.UTF_8)
              .newDecoder()
              .decode(text)
              .toString();
    } catch (CharacterCodingException e) {
      NpyException failure = new NpyException(name, "header text is not UTF-8");
      failure.initCause(e);
      throw failure;
    }
    Map<String, Object> fields = PythonLiteral.dict(literal, name);
    for (String key : List.of("descr", "fortran_order", "shape")) {
      if (!fields.containsKey(key)) {
        throw new NpyException(name, "header has no '" + key + "': it has " + fields.keySet());
      }
    }
    if (fields.size() != 3) {
      throw new NpyException(
          name, "header has " + fields.keySet() + ", expected [descr, fortran_order, shape]");
    }
    return new Preamble(major, fields, textOffset + textBytes);
  }

  private static NpyHeader of(Preamble preamble, String name) throws NpyException {
    Map<String, Object> fields = preamble.fields();
    long dataOffset = preamble.dataOffsetBytes();
    Object descr = fields.get("descr");
    ElementType type = elementType(descr);
    if (type == null) {
      throw new NpyException(
          name,
          "dtype "
              + PythonLiteral.show(descr)
              + (descr instanceof List ? " (structured)" : "")
              + ", expected '<f2', '<f4', '<f8', '>f2', '>f4' or '>f8'");
    }
    Object fortran = fields.get("fortran_order");
    if (!(fortran instanceof Boolean fortranOrder)) {
      throw new NpyException(
          name, "fortran_order is " + PythonLiteral.show(fortran) + ", expected False");
    }
    if (fortranOrder) {
      throw new NpyException(
          name, "Fortran order, expected C order (save numpy.ascontiguousarray(a))");
    }
    List<Long> shape = preamble.shape(2, "(rows, columns)", name);
    Object tuple = fields.get("shape");
    long rows = shape.get(0);
    long columns = shape.get(1);
    if (rows == 0 || columns == 0) {
      throw new NpyException(name, "shape " + tuple + " is empty, expected at least (1, 1)");
    }
    if (columns > Integer.MAX_VALUE) {
      throw new NpyException(
          name, "shape " + tuple + " has more than " + Integer.MAX_VALUE + " columns");
    }
    try {
      long unused =
          Math.addExact(
              Math.multiplyExact(Math.multiplyExact(rows, columns), type.sizeBytes()), dataOffset);
    } catch (ArithmeticException e) {
      NpyException failure =
          new NpyException(name, "shape " + tuple + " needs more than 2^63 - 1 bytes");
      failure.initCause(e);
      throw failure;
    }
    return new NpyHeader(
        preamble.version(), type, preamble.order(), rows, (int) columns, dataOffset);
  }

  private static ElementType elementType(Object descr) {
    if (!(descr instanceof String text)) {
      return null;
    }
    return switch (text) {
      case "<f2", ">f2" -> ElementType.FLOAT16;
      case "<f4", ">f4" -> ElementType.FLOAT32;
      case "<f8", ">f8" -> ElementType.FLOAT64;
      default -> null;
    };
  }

  /** Bytes of one row. */
  public long rowBytes() {
    return (long) columns * type.sizeBytes();
  }

  /** Bytes of the whole file, header included; {@link #read} has made sure that it fits a long. */
  public long fileBytes() {
    return dataOffsetBytes + rows * rowBytes();
  }

  /**
   * Compares the length of a file with its shape.
   *
   * @param actualBytes the length of the whole file
   * @throws NpyException when that is not what the shape says; a short file's error names the first
   *     row that is not whole
   */
  public void checkFileBytes(long actualBytes, String name) throws NpyException {
    if (actualBytes < fileBytes()) {
      throw new NpyException(
          name,
          "truncated in row "
              + Math.max(0, (actualBytes - dataOffsetBytes) / rowBytes())
              + " of "
              + rows
              + ": "
              + actualBytes
              + " bytes, expected "
              + expectedBytes());
    }
    if (actualBytes > fileBytes()) {
      throw new NpyException(
          name, "too long: " + actualBytes + " bytes, expected " + expectedBytes());
    }
  }

  /** For errors: the length of the file and where it comes from. */
  String expectedBytes() {
    return fileBytes()
        + " = "
        + dataOffsetBytes
        + " of header + "
        + rows
        + " rows * "
        + columns
        + " columns * "
        + type.sizeBytes()
        + " bytes";
  }

  /** Fills {@code into} unless the channel ends first; returns the bytes read. */
  static int readFully(ReadableByteChannel channel, ByteBuffer into) throws IOException {
    int start = into.position();
    while (into.hasRemaining()) {
      if (channel.read(into) < 0) {
        break;
      }
    }
    return into.position() - start;
  }

  private static NpyException truncated(String name, long foundBytes, String expected) {
    return new NpyException(
        name, "truncated header: " + foundBytes + " bytes, expected " + expected);
  }

  private static String hex(byte[] bytes, int length) {
    if (length == 0) {
      return "nothing (0 bytes)";
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append(i == 0 ? "" : " ").append(String.format("%02x", bytes[i]));
    }
    return text.toString();
  }
}
