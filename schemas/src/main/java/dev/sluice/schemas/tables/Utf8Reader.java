package dev.sluice.schemas.tables;

import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Decodes UTF-8 and nothing else, passes over a byte order mark, and ends where a row does not.
 * (Java's own readers put '?' for what is no UTF-8, or do not say in which line it is.) Not
 * thread-safe.
 */
final class Utf8Reader extends Reader {
  /** Longest row, in characters. */
  static final int MAX_ROW = 1 << 20;

  /** What a parser may have read ahead of the row that it is at. */
  private static final int AHEAD = 1 << 15;

  private final InputStream in;
  private final String source;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT);
  private final ByteBuffer bytes = ByteBuffer.allocate(1 << 13).flip();
  private boolean started;
  private boolean ended;
  private long lines; // that have ended
  private boolean afterReturn;
  private long row = 1; // first line of the row at hand
  private long since; // characters passed on since that row began

  Utf8Reader(InputStream in, String source) {
    this.in = in;
    this.source = source;
  }

  /** A row begins that may be {@link #MAX_ROW} long. */
  void beginRow(long line) {
    row = line;
    since = 0;
  }

  @Override
  public int read(char[] into, int from, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    CharBuffer out = CharBuffer.wrap(into, from, Math.min(length, 1 << 13));
    int begin = out.position();
    while (out.position() == begin) {
      if (!ended && !fill()) {
        ended = true;
      }
      CoderResult result = decoder.decode(bytes, out, ended);
      dropMark(out, begin);
      if (result.isError()) {
        count(into, from, from + out.position() - begin);
        throw new TableException(
            source
                + ": line "
                + (lines + 1)
                + ": found the byte 0x"
                + String.format("%02x", bytes.get(bytes.position()))
                + ", which is not UTF-8, expected a table in UTF-8");
      }
      if (ended && result.isUnderflow() && out.position() == begin) {
        return -1;
      }
    }
    int got = out.position() - begin;
    count(into, from, from + got);
    since += got;
    if (since > MAX_ROW + AHEAD) {
      throw tooLong(row);
    }
    return got;
  }

  TableException tooLong(long line) {
    return new TableException(
        source
            + ": line "
            + line
            + ": found a row of more than "
            + MAX_ROW
            + " characters, expected shorter ones (is a quote missing?)");
  }

  private void dropMark(CharBuffer out, int begin) {
    if (!started && out.position() > begin) {
      started = true;
      if (out.get(begin) == '\ufeff') {
        int end = out.position();
        for (int i = begin + 1; i < end; i++) {
          out.put(i - 1, out.get(i));
        }
        out.position(end - 1);
      }
    }
  }

  /** Makes more bytes ready; false at the end of the stream. */
  private boolean fill() throws IOException {
    bytes.compact();
    int got =
        bytes.hasRemaining() ? in.read(bytes.array(), bytes.position(), bytes.remaining()) : 0;
    if (got > 0) {
      bytes.position(bytes.position() + got);
    }
    bytes.flip();
    return got >= 0;
  }

  private void count(char[] text, int from, int to) {
    for (int i = from; i < to; i++) {
      char c = text[i];
      if (c == '\r' || (c == '\n' && !afterReturn)) {
        lines++;
      }
      afterReturn = c == '\r';
    }
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
