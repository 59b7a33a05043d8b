package dev.sluice.transforms.scores;

import dev.sluice.schemas.ScorePacket;
import dev.sluice.schemas.TrueAnswer;
import dev.sluice.schemas.avro.AvroCursor;
import dev.sluice.schemas.avro.CorruptRecordException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Avro records of scores and answers as anyone may have written them. */
final class ScoreRecords {
  private final AvroCursor in;

  /** Records of a buffer, from a place to another. */
  ScoreRecords(byte[] buffer, int from, int to) {
    this.in = new AvroCursor(buffer, from, to);
  }

  /** Whether there is nothing more. */
  boolean atEnd() {
    return in.remaining() == 0;
  }

  /**
   * The next record of schema ScorePacket.
   *
   * @param packetBytes what a packet of the node has
   */
  ScorePacket packet(int packetBytes) throws CorruptRecordException {
    String query = readName("query");
    long branch = in.readLong("group's branch");
    if (branch != 0 && branch != 1) {
      throw new CorruptRecordException("group's branch is " + branch + ", expected 0 or 1");
    }
    String group = branch == 0 ? null : readName("group");
    byte labelled = in.readFixed("labelled", 1)[0];
    if (labelled != 0 && labelled != 1) {
      throw new CorruptRecordException("labelled is " + labelled + ", no Avro boolean");
    }
    long length = in.readLong("packet's length");
    if (length != packetBytes) {
      throw new CorruptRecordException(
          "packet of query '" + query + "' has " + length + " bytes, expected " + packetBytes);
    }
    return new ScorePacket(
        query, group, labelled == 1, ByteBuffer.wrap(in.readFixed("packet", packetBytes)));
  }

  /** The next record of schema TrueAnswer. */
  TrueAnswer answer() throws CorruptRecordException {
    return new TrueAnswer(readName("query"), readName("answer"));
  }

  private String readName(String field) throws CorruptRecordException {
    long length = in.readLong(field);
    if (length < 1 || length > ScoreNames.MAX_BYTES) {
      throw new CorruptRecordException(
          field + " claims " + length + " bytes, expected 1 to " + ScoreNames.MAX_BYTES);
    }
    String name;
    try {
      name =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(in.readFixed(field, (int) length)))
              .toString();
    } catch (CharacterCodingException e) {
      throw new CorruptRecordException(field + " is no UTF-8");
    }
    Optional<String> fault = ScoreNames.fault(name);
    if (fault.isPresent()) {
      throw new CorruptRecordException(field + " " + fault.get());
    }
    return name;
  }
}
