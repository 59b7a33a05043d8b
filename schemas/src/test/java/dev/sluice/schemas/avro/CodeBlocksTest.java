package dev.sluice.schemas.avro;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Sha256;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumWriter;
import org.junit.jupiter.api.Test;

class CodeBlocksTest {
  /** The vector of RFC 3720, B.4: CRC-32C of the text "123456789". */
  @Test
  void checksumIsCastagnoliOverHeaderThenCodes() {
    byte[] text = "123456789".getBytes(StandardCharsets.US_ASCII);
    for (int cut = 0; cut <= text.length; cut++) {
      assertThat(
          CodeBlocks.crc32c(Arrays.copyOf(text, cut), text, cut, text.length - cut),
          equalTo(0xE3069283));
    }
  }

  /** The vector of FIPS 180-2, B.1: SHA-256 of the text "abc". */
  @Test
  void digestIsSha256OverHeaderThenCodes() {
    byte[] text = "xabcx".getBytes(StandardCharsets.US_ASCII);
    String hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assertThat(
        HexFormat.of().formatHex(CodeBlocks.digest(new byte[0], text, 1, 3).bytes()), equalTo(hex));
    assertThat(
        HexFormat.of().formatHex(CodeBlocks.digest(new byte[] {'a', 'b'}, text, 3, 1).bytes()),
        equalTo(hex));
  }

  /** SHA-256 of 32 zero bytes, "lund" and 7 as four bytes, by sha256sum. */
  @Test
  void syncMarkerIsAFunctionOfWhatTheFileIs() {
    assertThat(
        HexFormat.of().formatHex(CodeBlocks.syncMarker(new Sha256(new byte[32]), "lund", 7)),
        equalTo("a30efccd1ced032db0c70001ad2ec30a"));
  }

  @Property(tries = 500, seed = "500")
  void headerBytesAreWhatAvroWritesInTheRecord(
      @ForAll @StringLength(max = 60) String round,
      @ForAll @StringLength(max = 60) String node,
      @ForAll int plane,
      @ForAll long first,
      @ForAll double clip,
      @ForAll @Size(max = 50) byte[] codes)
      throws Exception {
    byte[] digest = new byte[32];
    new SplittableRandom(first).nextBytes(digest);
    BlockHeader header =
        new BlockHeader(
            round, new Sha256(digest), node, plane, ~plane, first, plane, clip, -first, first, 1L);
    byte[] signature = new byte[plane % 2 == 0 ? 0 : CodeBlocks.SIGNATURE_BYTES];
    new SplittableRandom(plane).nextBytes(signature);
    byte[] record = record(header, 77, codes, signature);
    byte[] head = CodeBlocks.headerBytes(header);
    assertThat(Arrays.copyOf(record, head.length), equalTo(head));
    byte[] text = round.getBytes(StandardCharsets.UTF_8);
    if (text.length <= 200 && node.getBytes(StandardCharsets.UTF_8).length <= 200) {
      byte[] buffer = new byte[record.length + 5];
      System.arraycopy(record, 0, buffer, 3, record.length);
      CodeBlocks.Parsed parsed = CodeBlocks.parse(buffer, 3, buffer.length);
      assertThat(parsed.end(), equalTo(3 + record.length));
      assertThat(parsed.crc32c(), equalTo(77));
      assertThat(parsed.signature(), equalTo(signature));
      assertThat(CodeBlocks.headerBytes(parsed.header()), equalTo(head));
      assertThat(
          Arrays.copyOfRange(buffer, parsed.from(), parsed.from() + parsed.lengthBytes()),
          equalTo(codes));
    }
  }

  @Test
  void everyTruncationIsACorruptRecord() throws Exception {
    CodeBlock block = ContainerFixture.block(3, 20, 5);
    byte[] record =
        record(block.getHeader(), block.getCrc32c(), block.getCodes().array(), new byte[0]);
    assertThat(CodeBlocks.parse(record, 0, record.length).header(), equalTo(block.getHeader()));
    for (int to = 0; to < record.length; to++) {
      int end = to;
      assertThrows(CorruptRecordException.class, () -> CodeBlocks.parse(record, 0, end));
    }
  }

  @Property(tries = 5000, seed = "5000")
  void anyBytesAreARecordOrCorrupt(
      @ForAll long seed, @ForAll @IntRange(max = 200) int length, @ForAll boolean plausible)
      throws Exception {
    SplittableRandom random = new SplittableRandom(seed);
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    if (plausible) {
      CodeBlock block = ContainerFixture.block(3, 20, 5);
      bytes = record(block.getHeader(), block.getCrc32c(), block.getCodes().array(), new byte[0]);
      for (int i = random.nextInt(1, 5); i > 0; i--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
    }
    try {
      CodeBlocks.Parsed parsed = CodeBlocks.parse(bytes, 0, bytes.length);
      assertThat(parsed.from(), greaterThanOrEqualTo(0));
      assertThat(parsed.end(), lessThanOrEqualTo(bytes.length));
      assertThat(
          parsed.end() - parsed.from() - parsed.lengthBytes(),
          equalTo(parsed.signature().length + (parsed.signature().length == 0 ? 1 : 2)));
      CodeBlocks.headerBytes(parsed.header());
    } catch (CorruptRecordException e) {
      assertThat(e.getMessage().isEmpty(), equalTo(false));
    }
  }

  @Test
  void claimsAreCheckedBeforeTheyAreBelieved() throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
    encoder.writeLong(1L << 40);
    assertThat(refusal(out.toByteArray()), containsString("round claims 1099511627776 bytes"));
    out.reset();
    encoder.writeLong(-1);
    assertThat(refusal(out.toByteArray()), containsString("round claims -1 bytes"));
    byte[] tooMany = new byte[CodeBlocks.MAX_CODES_BYTES + 1];
    byte[] record = record(ContainerFixture.block(0, 0, 0).getHeader(), 0, tooMany, new byte[0]);
    assertThat(refusal(record), containsString("codes claim 1048577 bytes"));
    record = record(ContainerFixture.block(0, 0, 0).getHeader(), 0, new byte[0], new byte[63]);
    assertThat(refusal(record), equalTo("a signature claims 63 bytes, expected none or 64"));
    byte[] varint = new byte[30];
    Arrays.fill(varint, (byte) 0xff);
    assertThat(refusal(varint), containsString("more than ten bytes"));
  }

  @Test
  void numbersOutsideTheirWidthAreCorrupt() throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
    encoder.writeString("r");
    encoder.writeFixed(new byte[32]);
    encoder.writeString("n");
    encoder.writeLong(1L << 31);
    assertThat(refusal(out.toByteArray()), equalTo("plane is 2147483648, outside 32 bits"));
  }

  private static String refusal(byte[] bytes) {
    return assertThrows(
            CorruptRecordException.class, () -> CodeBlocks.parse(bytes, 0, bytes.length))
        .getMessage();
  }

  private static byte[] record(BlockHeader header, int crc, byte[] codes, byte[] signature)
      throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
    new SpecificDatumWriter<>(CodeBlock.class)
        .write(
            new CodeBlock(
                header, crc, java.nio.ByteBuffer.wrap(codes), java.nio.ByteBuffer.wrap(signature)),
            encoder);
    encoder.flush();
    return out.toByteArray();
  }
}
