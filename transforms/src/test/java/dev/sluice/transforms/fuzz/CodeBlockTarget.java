package dev.sluice.transforms.fuzz;

import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.avro.CorruptRecordException;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.round.PlannedRound;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;

/**
 * A record with a header and codes of any kind, under a checksum that holds: what stands behind it
 * is not reached by chance.
 */
final class CodeBlockTarget implements FuzzTarget {
  private static final byte[] HEAD = RoundFixture.container(List.of());
  private static final byte[] SYNC = new byte[16];

  private final List<PlannedRound> rounds = new ArrayList<>();

  CodeBlockTarget() {
    for (String name : List.of("plain", "probe", "finer")) {
      rounds.add(FuzzRounds.round("rounds/" + name + ".json"));
    }
  }

  @Override
  public boolean accepts(byte[] input) throws IOException {
    CodeBlocks.Parsed parsed;
    try {
      parsed = CodeBlocks.parse(input, 0, input.length);
    } catch (CorruptRecordException e) {
      return false;
    }
    byte[] header = CodeBlocks.headerBytes(parsed.header());
    int crc = CodeBlocks.crc32c(header, input, parsed.from(), parsed.lengthBytes());
    ByteArrayOutputStream record = new ByteArrayOutputStream();
    record.writeBytes(header);
    BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(record, null);
    encoder.writeInt(crc);
    encoder.writeBytes(input, parsed.from(), parsed.lengthBytes());
    encoder.writeBytes(parsed.signature());
    encoder.flush();
    byte[] bytes = record.toByteArray();
    try {
      CodeBlocks.Parsed again = CodeBlocks.parse(bytes, 0, bytes.length);
      if (!again.header().equals(parsed.header()) || again.crc32c() != crc) {
        throw new AssertionError("read " + parsed + ", and written again " + again);
      }
    } catch (CorruptRecordException e) {
      throw new AssertionError("a record that was read is none when written again", e);
    }
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.writeBytes(HEAD);
    BinaryEncoder frame = EncoderFactory.get().directBinaryEncoder(file, null);
    frame.writeLong(1);
    frame.writeLong(bytes.length);
    frame.flush();
    file.writeBytes(bytes);
    file.writeBytes(SYNC);
    PlannedRound round =
        rounds.stream()
            .filter(one -> Arrays.equals(one.digest().bytes(), parsed.header().getPlan().bytes()))
            .findFirst()
            .orElse(rounds.get(0));
    return UplinkTarget.read(round, file.toByteArray()).isWhole() && parsed.end() == input.length;
  }
}
