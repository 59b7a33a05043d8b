package dev.sluice.schemas.avro;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Outcome;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.apache.avro.file.CodecFactory;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ContainerScannerTest {
  private static final int BLOCKS = 5;

  /** One record a block, of sizes whose length takes one and two bytes. */
  private static byte[] five(int codesBytes, List<Integer> boundaries) {
    return ContainerFixture.container(
        ContainerFixture.blocks(BLOCKS, codesBytes, 1), 1, CodecFactory.nullCodec(), boundaries);
  }

  @ParameterizedTest
  @CsvSource({"0, 1, 1", "1, 1, 0", "7, 1, 100", "7, 3, 100", "8, 8, 5000", "3, 1, 1048576"})
  void readsWhatAvroWritesAtTheRightOffsets(int count, int recordsPerBlock, int codesBytes)
      throws Exception {
    List<CodeBlock> blocks = ContainerFixture.blocks(count, codesBytes, 2);
    List<Integer> boundaries = new ArrayList<>();
    byte[] bytes =
        ContainerFixture.container(blocks, recordsPerBlock, CodecFactory.nullCodec(), boundaries);
    List<CodeBlock> found = new ArrayList<>();
    List<Integer> ends = new ArrayList<>();
    ends.add(boundaries.get(0));
    try (ContainerScanner scanner = ContainerFixture.open(bytes)) {
      for (Optional<ContainerScanner.Item> item = scanner.next();
          item.isPresent();
          item = scanner.next()) {
        ContainerScanner.Block block = (ContainerScanner.Block) item.get();
        int at = block.from();
        for (int i = 0; i < block.records(); i++) {
          CodeBlocks.Parsed parsed =
              CodeBlocks.parse(block.window(), at, block.from() + block.lengthBytes());
          int codesAt = (int) block.offset() + parsed.from() - block.from();
          found.add(
              new CodeBlock(
                  parsed.header(),
                  parsed.crc32c(),
                  java.nio.ByteBuffer.wrap(
                      Arrays.copyOfRange(bytes, codesAt, codesAt + parsed.lengthBytes())),
                  java.nio.ByteBuffer.wrap(parsed.signature())));
          at = parsed.end();
        }
        assertThat(at, equalTo(block.from() + block.lengthBytes()));
        ends.add((int) block.offset() + block.lengthBytes() + 16);
      }
      assertThat(scanner.next(), equalTo(Optional.empty()));
    }
    assertThat(found, equalTo(blocks));
    assertThat(ends, equalTo(boundaries));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 173}) // one-byte and two-byte sizes
  void oneByteWrongAnywhereCostsOnlyItsBlock(int codesBytes) throws Exception {
    List<Integer> boundaries = new ArrayList<>();
    byte[] sound = five(codesBytes, boundaries);
    SplittableRandom random = new SplittableRandom(3);
    for (int at = boundaries.get(0); at < sound.length; at++) {
      boolean frame = boundaries.contains(at) || boundaries.contains(at - 1);
      frame |= boundaries.contains(at - 2);
      for (int wrong = 1; wrong < 256; wrong += frame ? 1 : random.nextInt(50, 256)) {
        byte[] bytes = sound.clone();
        bytes[at] ^= (byte) wrong;
        ContainerFixture.Scan scan = ContainerFixture.scan(bytes);
        String where = "byte " + at + " ^ " + wrong;
        assertThat(where, scan.clean(), is(false));
        int damaged = blockOf(at, boundaries);
        // A sync marker that is broken costs the next block too: where it begins is not known.
        boolean inSync = at >= boundaries.get(damaged + 1) - 16;
        int[] left =
            IntStream.range(0, BLOCKS)
                .filter(i -> i != damaged && !(inSync && i == damaged + 1))
                .toArray();
        assertThat(
            where, scan.sound(), hasItems(Arrays.stream(left).boxed().toArray(Integer[]::new)));
      }
    }
  }

  /** A size that, one byte wrong, ends exactly where the next block does. */
  /** However the bytes come in. */
  @Test
  void theHeadIsEverythingBeforeTheFirstBlock() throws Exception {
    List<Integer> boundaries = new ArrayList<>();
    byte[] bytes = five(100, boundaries);
    byte[] head = Arrays.copyOf(bytes, boundaries.get(0));
    for (int piece : new int[] {1, 7, 1 << 20}) {
      InputStream trickle =
          new ByteArrayInputStream(bytes) {
            @Override
            public synchronized int read(byte[] into, int at, int length) {
              return super.read(into, at, Math.min(length, piece));
            }
          };
      try (ContainerScanner scanner = new ContainerScanner(trickle, CodeBlock.getClassSchema())) {
        for (int block = 0; block < BLOCKS; block++) {
          assertThat(scanner.headDigest().bytes(), equalTo(CodeBlocks.sha256().digest(head)));
          scanner.next();
        }
      }
    }
  }

  @Test
  void aWrongSizeDoesNotSwallowTheNextBlock() throws Exception {
    // Sizes whose codes have the same low seven bits as that of the size that takes in the next.
    List<Integer> boundaries = new ArrayList<>();
    byte[] bytes = {};
    int size = 0;
    for (int codes = 100; (size + 16 + 3) % 64 != 0; codes++) {
      boundaries.clear();
      bytes = five(codes, boundaries);
      size = boundaries.get(2) - boundaries.get(1) - 3 - 16;
    }
    int frame = boundaries.get(1);
    int wrong = 2 * (size + 16 + 3 + size);
    assertThat(bytes[frame + 1], equalTo((byte) (0x80 | wrong)));
    bytes[frame + 2] = (byte) (wrong >>> 7);
    ContainerFixture.Scan scan = ContainerFixture.scan(bytes);
    assertThat(scan.sound(), contains(0, 2, 3, 4));
    assertThat(
        scan.damages().get(0).detail(),
        equalTo("an Avro block's size takes in the blocks after it"));
  }

  /** Avro asks for a random marker; one of zeros, and zeros in the data, are a container too. */
  @Test
  void aMarkerOfZerosMayOccurInTheData() throws Exception {
    CodeBlock block = ContainerFixture.block(0, 200, 1);
    byte[] zeros = new byte[200];
    block.setCodes(java.nio.ByteBuffer.wrap(zeros));
    block.setCrc32c(
        CodeBlocks.crc32c(CodeBlocks.headerBytes(block.getHeader()), zeros, 0, zeros.length));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DataFileWriter<CodeBlock> writer =
        new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class))) {
      writer.create(CodeBlock.getClassSchema(), out, new byte[16]);
      for (int i = 0; i < 3; i++) {
        writer.append(block);
        writer.sync();
      }
    }
    assertThat(ContainerFixture.scan(out.toByteArray()).sound(), contains(0, 0, 0));
  }

  @Test
  void oneByteWrongInTheHeaderIsRefusedOrHarmless() {
    List<Integer> boundaries = new ArrayList<>();
    byte[] sound = five(30, boundaries);
    for (int at = 0; at < boundaries.get(0); at++) {
      for (int bit = at % 8; bit < 8; bit += 8) {
        byte[] bytes = sound.clone();
        bytes[at] ^= (byte) (1 << bit);
        try {
          ContainerFixture.Scan scan = ContainerFixture.scan(bytes);
          // Where the metadata still make sense, the marker may not: then nothing is trusted.
          boolean marker = !scan.damages().isEmpty();
          assertThat(
              "byte " + at, scan.sound(), marker ? empty() : equalTo(List.of(0, 1, 2, 3, 4)));
        } catch (NotAContainerException e) {
          assertThat(e.getMessage().isEmpty(), is(false));
        }
      }
    }
  }

  @Test
  void everyTruncationKeepsTheWholeBlocksBeforeIt() throws Exception {
    List<Integer> boundaries = new ArrayList<>();
    byte[] sound = five(30, boundaries);
    for (int length = 0; length < sound.length; length++) {
      byte[] bytes = Arrays.copyOf(sound, length);
      if (length < boundaries.get(0)) {
        assertThrows(NotAContainerException.class, () -> ContainerFixture.scan(bytes));
        continue;
      }
      int whole = blockOf(length, boundaries);
      ContainerFixture.Scan scan = ContainerFixture.scan(bytes);
      assertThat(scan.sound(), equalTo(IntStream.range(0, whole).boxed().toList()));
      assertThat("length " + length, scan.clean(), is(boundaries.contains(length)));
    }
  }

  @Property(tries = 1500, seed = "1500")
  void insertedGarbageCostsAtMostTheBlockItMeets(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 60) int length) throws Exception {
    List<Integer> boundaries = new ArrayList<>();
    byte[] sound = five(40, boundaries);
    SplittableRandom random = new SplittableRandom(seed);
    byte[] garbage = new byte[length];
    random.nextBytes(garbage);
    int at = random.nextInt(boundaries.get(0), sound.length + 1);
    ContainerFixture.Scan scan = ContainerFixture.scan(insert(sound, at, garbage));
    int met = blockOf(at, boundaries);
    Integer[] left =
        IntStream.range(0, BLOCKS)
            .filter(i -> i != met && !(boundaries.get(i) > at - 16 && i == met + 1))
            .boxed()
            .toArray(Integer[]::new);
    assertThat("at " + at, scan.sound(), hasItems(left));
    assertThat(scan.clean(), is(false));
  }

  @Test
  void prependedGarbageIsNoContainer() {
    byte[] bytes = insert(five(30, new ArrayList<>()), 0, new byte[] {1, 2, 3});
    assertThat(
        assertThrows(NotAContainerException.class, () -> ContainerFixture.scan(bytes)).getMessage(),
        equalTo("it does not begin with the bytes of an Avro container, 'Obj' and 1"));
  }

  /**
   * The frame of a block may straddle the window's end; what follows damage there is still found.
   */
  @Test
  void resumesRightAfterADoubledMarkerWhereverTheWindowEnds() throws Exception {
    int window = ContainerScanner.MAX_BLOCK_BYTES + 64;
    for (int gap = -3; gap < 24; gap++) {
      List<Integer> boundaries = new ArrayList<>();
      int header = five(1, new ArrayList<>()).length;
      int overhead = 16 + 4; // marker and frame
      ContainerFixture.container(
          List.of(ContainerFixture.block(0, 0, 1)), 1, CodecFactory.nullCodec(), boundaries);
      int empty = boundaries.get(1);
      assertThat(header > empty, is(true));
      // The doubled marker begins gap bytes before the window's end.
      int codes = window - gap - empty - overhead;
      List<CodeBlock> blocks =
          List.of(
              ContainerFixture.block(0, codes / 2, 1),
              ContainerFixture.block(1, codes - codes / 2 - 150, 1),
              ContainerFixture.block(2, 40, 1),
              ContainerFixture.block(3, 40, 1));
      boundaries.clear();
      byte[] sound = ContainerFixture.container(blocks, 1, CodecFactory.nullCodec(), boundaries);
      byte[] doubled = insert(sound, boundaries.get(2), ContainerFixture.SYNC);
      assertThat("gap " + gap, ContainerFixture.scan(doubled).sound(), contains(0, 1, 2, 3));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1099511627776, true",
    "1, 1114113, true",
    "1, -1, false",
    "0, 10, false",
    "-5, 10, false",
    "9223372036854775807, 9223372036854775807, true",
    "-9223372036854775808, -9223372036854775808, false"
  })
  void aClaimIsCheckedBeforeItIsBelieved(long records, long size, boolean oversized)
      throws Exception {
    List<Integer> boundaries = new ArrayList<>();
    byte[] sound = five(40, boundaries);
    ByteArrayOutputStream frame = new ByteArrayOutputStream();
    BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(frame, null);
    encoder.writeLong(records);
    encoder.writeLong(size);
    frame.write(ContainerFixture.SYNC, 0, 16);
    byte[] bytes = insert(sound, boundaries.get(2), frame.toByteArray());
    ContainerFixture.Scan scan = ContainerFixture.scan(bytes);
    assertThat(scan.sound(), contains(0, 1, 2, 3, 4));
    assertThat(scan.damages().size(), is(1));
    ContainerScanner.Damage damage = scan.damages().get(0);
    assertThat(damage.oversized(), is(oversized));
    assertThat(damage.offset(), is((long) boundaries.get(2)));
    assertThat(damage.detail(), containsString("" + size));
  }

  @Test
  void theLargestBlockIsReadAndOneMoreByteIsNot() throws Exception {
    for (int extra = 0; extra < 2; extra++) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      out.writeBytes(
          ContainerFixture.container(List.of(), 1, CodecFactory.nullCodec(), new ArrayList<>()));
      BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
      encoder.writeLong(1);
      encoder.writeLong(ContainerScanner.MAX_BLOCK_BYTES + extra);
      out.writeBytes(new byte[ContainerScanner.MAX_BLOCK_BYTES + extra]);
      out.writeBytes(ContainerFixture.SYNC);
      try (ContainerScanner scanner = ContainerFixture.open(out.toByteArray())) {
        ContainerScanner.Item item = scanner.next().orElseThrow();
        assertThat(item instanceof ContainerScanner.Block, is(extra == 0));
        assertThat(scanner.next(), equalTo(Optional.empty()));
      }
    }
  }

  @Test
  void refusesOtherContainersWithTheirNames() throws Exception {
    byte[] deflated =
        ContainerFixture.container(
            ContainerFixture.blocks(2, 50, 1), 1, CodecFactory.deflateCodec(6), new ArrayList<>());
    assertThat(
        refusal(deflated), equalTo("it is compressed with codec 'deflate', expected codec 'null'"));
    ByteArrayOutputStream other = new ByteArrayOutputStream();
    try (DataFileWriter<Outcome> writer =
        new DataFileWriter<>(new SpecificDatumWriter<>(Outcome.class))) {
      writer.create(Outcome.getClassSchema(), other, ContainerFixture.SYNC);
    }
    assertThat(
        refusal(other.toByteArray()),
        equalTo(
            "it holds records of schema 'dev.sluice.schemas.Outcome' with other fields, expected"
                + " exactly 'dev.sluice.schemas.CodeBlock' of this version"));
    assertThat(refusal(new byte[0]), containsString("does not begin"));
    assertThat(refusal("PK".getBytes(StandardCharsets.US_ASCII)), containsString("does not begin"));
    assertThat(refusal(header("x", "y")), equalTo("it names no schema"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{",
        "",
        "\"nothing\"",
        "{\"type\":\"record\",\"name\":\"X\",\"fields\":[{\"name\":\"a\",\"type\":\"int\",\"default\":\"x\"}]}",
        "{\"type\":\"record\",\"name\":\"X\",\"fields\":7}",
        "{\"type\":\"fixed\",\"name\":\"X\",\"size\":-3}",
        "{\"type\":\"enum\",\"name\":\"X\",\"symbols\":[\"a\",\"a\"]}",
        "[\"null\",[\"null\"]]",
        "{\"type\":{\"type\":{}}}",
        "null",
        "7"
      })
  void aSchemaThatIsNoneIsRefused(String schema) throws Exception {
    assertThat(refusal(header("avro.schema", schema)), containsString("schema"));
  }

  @Test
  void aSchemaOfManyLevelsIsRefused() throws Exception {
    for (int depth : new int[] {100, 900, 3000}) {
      String nested =
          "{\"type\":\"array\",\"items\":".repeat(depth) + "\"int\"" + "}".repeat(depth);
      if (nested.length() <= 60_000) {
        assertThat(refusal(header("avro.schema", nested)), containsString("schema"));
      }
    }
  }

  @Test
  void metadataIsBounded() throws Exception {
    assertThat(
        refusal(header("x", "y".repeat(70_000))),
        equalTo("its metadata claims a string of 70000 bytes"));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[] {'O', 'b', 'j', 1});
    BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
    encoder.writeLong(Long.MAX_VALUE);
    for (int i = 0; i < 10_000; i++) {
      encoder.writeString("key" + i);
      encoder.writeString("value" + i);
    }
    assertThat(refusal(out.toByteArray()), equalTo("its metadata exceeds 65536 bytes"));
    for (long count : new long[] {Long.MIN_VALUE, Long.MIN_VALUE + 1}) {
      ByteArrayOutputStream negative = new ByteArrayOutputStream();
      negative.writeBytes(new byte[] {'O', 'b', 'j', 1});
      BinaryEncoder numbers = EncoderFactory.get().directBinaryEncoder(negative, null);
      numbers.writeLong(count);
      numbers.writeLong(3);
      assertThat(refusal(negative.toByteArray()), containsString("metadata"));
    }
    byte[] endless = new byte[50];
    Arrays.fill(endless, (byte) 0xff);
    System.arraycopy(new byte[] {'O', 'b', 'j', 1}, 0, endless, 0, 4);
    assertThat(refusal(endless), containsString("metadata"));
  }

  /** A claim must not make the scanner allocate: its window is all that it holds. */
  @Test
  void endlessGarbageIsPassedOverInBoundedMemory() throws Exception {
    byte[] head =
        ContainerFixture.container(List.of(), 1, CodecFactory.nullCodec(), new ArrayList<>());
    InputStream endless =
        new java.io.SequenceInputStream(
            new ByteArrayInputStream(head),
            new InputStream() {
              private long left = 40L << 20;

              @Override
              public int read() {
                return left-- > 0 ? 0x55 : -1;
              }

              @Override
              public int read(byte[] into, int off, int len) {
                if (left <= 0) {
                  return -1;
                }
                int count = (int) Math.min(len, left);
                Arrays.fill(into, off, off + count, (byte) 0x55);
                left -= count;
                return count;
              }
            });
    try (ContainerScanner scanner = new ContainerScanner(endless, CodeBlock.getClassSchema())) {
      assertThat(scanner.next().orElseThrow() instanceof ContainerScanner.Damage, is(true));
      assertThat(scanner.next(), equalTo(Optional.empty()));
    }
  }

  @Property(tries = 1000, seed = "1000")
  void anyBytesAfterTheMagicAreHandled(@ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    byte[] bytes = new byte[random.nextInt(4, 400)];
    random.nextBytes(bytes);
    System.arraycopy(new byte[] {'O', 'b', 'j', 1}, 0, bytes, 0, 4);
    try {
      ContainerFixture.scan(bytes);
    } catch (NotAContainerException e) {
      assertThat(e.getMessage().isEmpty(), is(false));
    }
  }

  private static String refusal(byte[] bytes) {
    return assertThrows(NotAContainerException.class, () -> ContainerFixture.open(bytes))
        .getMessage();
  }

  /** A container's header with one entry of metadata. */
  private static byte[] header(String key, String value) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[] {'O', 'b', 'j', 1});
    BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
    encoder.writeLong(1);
    encoder.writeString(key);
    encoder.writeString(value);
    encoder.writeLong(0);
    out.writeBytes(ContainerFixture.SYNC);
    return out.toByteArray();
  }

  /** The Avro block in which a byte lies; what it has before it, where it is a boundary. */
  private static int blockOf(int at, List<Integer> boundaries) {
    int block = 0;
    while (block + 1 < boundaries.size() && boundaries.get(block + 1) <= at) {
      block++;
    }
    return block;
  }

  private static byte[] insert(byte[] into, int at, byte[] what) {
    byte[] out = Arrays.copyOf(into, into.length + what.length);
    System.arraycopy(what, 0, out, at, what.length);
    System.arraycopy(into, at, out, at + what.length, into.length - at);
    return out;
  }
}
