package dev.sluice.transforms.simulation;

import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * The words of a UTF-8 text: what stands between white space, and {@link #END_OF_LINE} after the
 * last word of a line. A line without words is passed over, and so is a byte order mark.
 *
 * @param name of the file, without directories
 * @param sha256 hexadecimal, of its bytes
 * @param words in order
 */
record WordText(String name, String sha256, List<String> words) {
  /** The word that ends a line. */
  static final String END_OF_LINE = "<eos>";

  /** Longest text, in bytes. */
  static final int MAX_BYTES = 64 << 20;

  /**
   * Reads a text.
   *
   * @throws IOException if it cannot be read, is longer than {@link #MAX_BYTES}, is no UTF-8 or has
   *     no words
   */
  static WordText read(String file) throws IOException {
    byte[] bytes = Storage.read(file, MAX_BYTES);
    List<String> words = words(decode(file, bytes));
    if (words.isEmpty()) {
      throw new BadInputException(file + ": no words in it, expected a text");
    }
    String name = file.substring(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
    return new WordText(name, HexFormat.of().formatHex(CodeBlocks.sha256().digest(bytes)), words);
  }

  private static CharSequence decode(String file, byte[] bytes) throws BadInputException {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(bytes);
    CharBuffer out = CharBuffer.allocate(bytes.length);
    CoderResult result = decoder.decode(in, out, true);
    if (result.isError()) {
      int line = 1;
      for (int i = 0; i < in.position(); i++) {
        line += bytes[i] == '\n' ? 1 : 0;
      }
      throw new BadInputException(
          file
              + ": line "
              + line
              + ": found a byte "
              + String.format("0x%02x", bytes[in.position()])
              + " that is no UTF-8, expected UTF-8 text");
    }
    out.flip();
    return out.length() > 0 && out.charAt(0) == '\ufeff' ? out.subSequence(1, out.length()) : out;
  }

  private static List<String> words(CharSequence text) {
    List<String> words = new ArrayList<>();
    int start = -1;
    boolean empty = true; // the line so far
    for (int i = 0; i <= text.length(); i++) {
      boolean end = i == text.length() || text.charAt(i) == '\n';
      if (end || Character.isWhitespace(text.charAt(i))) {
        if (start >= 0) {
          words.add(text.subSequence(start, i).toString());
          start = -1;
          empty = false;
        }
        if (end && !empty) {
          words.add(END_OF_LINE);
          empty = true;
        }
      } else if (start < 0) {
        start = i;
      }
    }
    return words;
  }
}
