package dev.sluice.transforms.scores;

import dev.sluice.schemas.ScorePacket;
import dev.sluice.schemas.TrueAnswer;
import dev.sluice.schemas.avro.CorruptRecordException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Avro records of scores and answers as anyone may have written them: no length is believed. */
final class ScoreRecords {
  private final byte[] buffer;
  private final int to;
  private int at;

  /** Records of a buffer, from a place to another. */
  ScoreRecords(byte[] buffer, int from, int to) {
    this.buffer = buffer;
    this.at = from;
    this.to = to;
  }

  /** Whether there is nothing more. */
  boolean atEnd() {
    return at == to;
  }

  /**
   * The next record of schema ScorePacket.
   *
   * @param packetBytes what a packet of the node has
   */
  ScorePacket packet(int packetBytes) throws CorruptRecordException {
    String query = readName("query");
    String group = readLong("group's branch") == 0 ? null : readName("group");
    require("labelled", 1);
    byte labelled = buffer[at++];
    if (labelled != 0 && labelled != 1) {
      throw new CorruptRecordException("labelled is " + labelled + ", no Avro boolean");
    }
    long length = readLong("packet's length");
    if (length != packetBytes) {
      throw new CorruptRecordException(
          "packet of query '" + query + "' has " + length + " bytes, expected " + packetBytes);
    }
    require("packet", packetBytes);
    byte[] packet = java.util.Arrays.copyOfRange(buffer, at, at + packetBytes);
    at += packetBytes;
    return new ScorePacket(query, group, labelled == 1, ByteBuffer.wrap(packet));
  }

  /** The next record of schema TrueAnswer. */
  TrueAnswer answer() throws CorruptRecordException {
    return new TrueAnswer(readName("query"), readName("answer"));
  }

  private String readName(String field) throws CorruptRecordException {
    long length = readLong(field);
    if (length < 1 || length > ScoreNames.MAX_BYTES) {
      throw new CorruptRecordException(
          field + " claims " + length + " bytes, expected 1 to " + ScoreNames.MAX_BYTES);
    }
    require(field, (int) length);
    String name;
    try {
      name =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(buffer, at, (int) length))
              .toString();
    } catch (CharacterCodingException e) {
      throw new CorruptRecordException(field + " is no UTF-8");
    }
    at += (int) length;
    Optional<String> fault = ScoreNames.fault(name);
    if (fault.isPresent()) {
      throw new CorruptRecordException(field + " " + fault.get());
    }
    return name;
  }

  private long readLong(String field) throws CorruptRecordException {
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

  private void require(String field, int length) throws CorruptRecordException {
    if (to - at < length) {
      throw new CorruptRecordException("the record ends inside " + field);
    }
  }
}
