package dev.sluice.transforms;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.BlockHeader;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BadLogitException;
import dev.sluice.transforms.channel.BlockDecoder;
import dev.sluice.transforms.channel.BlockEncoder;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.Storage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.specific.SpecificDatumWriter;

/** Nodes of a round as the kernels encode them, and the teacher by a plain double loop. */
public final class RoundFixture {
  private final PlannedRound round;
  private final double spread;

  /**
   * @param spread logits are uniform on this many either side of the node's own shift
   */
  public RoundFixture(PlannedRound round, double spread) {
    this.round = round;
    this.spread = spread;
  }

  public PlannedRound round() {
    return round;
  }

  /** Logits of a node, probes of the whole round × V: multiples of 1/8, so that all dtypes hold. */
  public double[] logits(int node) {
    int probes = (int) round.plan().getProbes();
    double[] logits = new double[probes * round.vocabulary()];
    SplittableRandom random = new SplittableRandom(1000 + node);
    int eighths = (int) (spread * 8);
    for (int i = 0; i < logits.length; i++) {
      logits[i] = random.nextInt(-eighths, eighths + 1) / 8.0 + node;
    }
    return logits;
  }

  /** A node's block with its logits centred. */
  public double[] centred(int node, int block) {
    int v = round.vocabulary();
    int from = (int) round.firstProbe(block) * v;
    double[] rows = Arrays.copyOfRange(logits(node), from, from + round.probesIn(block) * v);
    try {
      Centring.centre(
          rows, round.probesIn(block), v, Centring.Masking.FORBIDDEN, new double[rows.length / v]);
    } catch (BadLogitException e) {
      throw new IllegalStateException(e);
    }
    return rows;
  }

  /** Clip of each probe of a block. */
  public double[] clips(int node, int block) {
    int v = round.vocabulary();
    double[] clips = new double[round.probesIn(block)];
    Double level = round.plan().getClip().getLevel();
    double largest = Centring.MIN_CLIP;
    for (int other = 0; other < round.blocks(); other++) {
      largest =
          Math.max(largest, Arrays.stream(centred(node, other)).map(Math::abs).max().orElse(0));
    }
    double[] rows = centred(node, block);
    for (int probe = 0; probe < clips.length; probe++) {
      double magnitude = 0;
      for (int i = probe * v; i < (probe + 1) * v; i++) {
        magnitude = Math.max(magnitude, Math.abs(rows[i]));
      }
      clips[probe] =
          level != null
              ? level
              : round.clipPerProbe() ? Centring.clipOf(Centring.clipUp(magnitude)) : largest;
    }
    return clips;
  }

  /** A node's block. */
  public CodeBlock block(int node, int block) {
    double[] clips = clips(node, block);
    BlockEncoder.Encoded encoded =
        BlockEncoder.encode(
            round.shape(node, block),
            round.quantizer(),
            round.key(node),
            block,
            round.firstProbe(block),
            centred(node, block),
            clips);
    return sealed(
        header(node, block, round.clipPerProbe() ? 0 : clips[0], encoded.clipped()),
        encoded.codes());
  }

  /** A header without fault. */
  public BlockHeader header(int node, int block, double clip, long clipped) {
    return new BlockHeader(
        round.plan().getId(),
        round.digest(),
        round.nodes().get(node).getName(),
        0,
        block,
        round.firstProbe(block),
        round.probesIn(block),
        clip,
        clipped,
        0L,
        round.shape(node, block).payloadBits());
  }

  /** Header and codes under a checksum that holds. */
  public static CodeBlock sealed(BlockHeader header, byte[] codes) {
    return new CodeBlock(
        header,
        CodeBlocks.crc32c(CodeBlocks.headerBytes(header), codes, 0, codes.length),
        ByteBuffer.wrap(codes),
        ByteBuffer.allocate(0));
  }

  /** All blocks of a node, in order. */
  public List<CodeBlock> blocks(int node) {
    List<CodeBlock> blocks = new ArrayList<>();
    for (int block = 0; block < round.blocks(); block++) {
      blocks.add(block(node, block));
    }
    return blocks;
  }

  /** A claim that carries its codes. */
  public static BlockClaim inline(CodeBlock block) {
    byte[] codes = block.getCodes().array();
    byte[] header = CodeBlocks.headerBytes(block.getHeader());
    return new BlockClaim(
        block.getHeader(),
        block.getCrc32c(),
        CodeBlocks.digest(header, codes, 0, codes.length),
        "",
        0L,
        codes.length,
        ByteBuffer.wrap(codes),
        null);
  }

  /** Inline claims of all blocks of all nodes that have bits. */
  public List<BlockClaim> claims() {
    List<BlockClaim> claims = new ArrayList<>();
    for (int node = 0; node < round.nodes().size(); node++) {
      if (round.nodes().get(node).getBitsPerProbe() > 0) {
        blocks(node).forEach(block -> claims.add(inline(block)));
      }
    }
    return claims;
  }

  /** A container of blocks, each in its own Avro block. */
  public static byte[] container(List<CodeBlock> blocks) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DataFileWriter<CodeBlock> writer =
        new DataFileWriter<>(new SpecificDatumWriter<>(CodeBlock.class))) {
      writer.create(CodeBlock.getClassSchema(), out, new byte[16]);
      for (CodeBlock block : blocks) {
        writer.append(block);
        writer.sync();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** Writes the uplinks of all nodes that have bits below a round directory, one file each. */
  public void writeUplinks(Path directory) throws IOException {
    for (int node = 0; node < round.nodes().size(); node++) {
      if (round.nodes().get(node).getBitsPerProbe() > 0) {
        write(uplink(directory, node, "all.avro"), container(blocks(node)));
      }
    }
  }

  public Path uplink(Path directory, int node, String file) {
    return directory.resolve("uplink").resolve(round.nodes().get(node).getName()).resolve(file);
  }

  public static void write(Path file, byte[] bytes) throws IOException {
    Files.createDirectories(file.getParent());
    Files.write(file, bytes);
  }

  /** The teacher's block over some nodes, FORMAT.md 5 by a plain double loop. */
  public float[] teacher(int block, List<Integer> nodes) {
    int n = round.probesIn(block) * round.vocabulary();
    double[] sums = new double[n];
    for (int node : nodes) {
      CodeBlock sent = block(node, block);
      double[] y = new double[n];
      BlockShape shape = round.shape(node, block);
      try {
        BlockDecoder.decode(
            shape,
            round.quantizer(),
            round.key(node),
            block,
            round.firstProbe(block),
            sent.getHeader().getClip(),
            sent.getCodes().array(),
            y,
            new double[round.probesIn(block)]);
      } catch (BadCodesException e) {
        throw new IllegalStateException(e);
      }
      for (int i = 0; i < n; i++) {
        sums[i] += (y[i] + 1.5 * (1 << 22)) - 1.5 * (1 << 22);
      }
    }
    float[] teacher = new float[n];
    for (int i = 0; i < n; i++) {
      teacher[i] = (float) (sums[i] / nodes.size());
    }
    return teacher;
  }

  /** The teacher as a round's directory has it, probes × V; fails where it has not all of it. */
  public static double[] teacher(Path round, int probes, int vocabulary) throws IOException {
    double[] teacher = new double[probes * vocabulary];
    int at = 0;
    try (Stream<Path> files = Files.list(round.resolve("teacher"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".npy")).sorted().toList()) {
        try (NpyRows rows =
            NpyRows.open(Storage.open(Storage.resource(file.toString())), file.toString())) {
          rows.read(0, rows.rows(), teacher, at);
          at += (int) rows.rows() * vocabulary;
        }
      }
    }
    assertThat(at, is(teacher.length));
    return teacher;
  }

  /** A .npy file of little-endian float64 of the given shape. */
  public static byte[] npy(String descr, double[] values, int rows, int columns) {
    String dict =
        "{'descr': '"
            + descr
            + "', 'fortran_order': False, 'shape': ("
            + rows
            + ", "
            + columns
            + "), }";
    int padding = 64 - (10 + dict.length() + 1) % 64;
    byte[] text = (dict + " ".repeat(padding % 64) + "\n").getBytes(StandardCharsets.US_ASCII);
    int size = descr.charAt(2) - '0';
    ByteBuffer out =
        ByteBuffer.allocate(10 + text.length + values.length * size).order(ByteOrder.LITTLE_ENDIAN);
    out.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII)).put((byte) 1);
    out.put((byte) 0).putShort((short) text.length).put(text);
    for (double value : values) {
      switch (size) {
        case 2 -> out.putShort(half(value));
        case 4 -> out.putFloat((float) value);
        default -> out.putDouble(value);
      }
    }
    return out.array();
  }

  /** The binary16 number that is exactly this value. */
  private static short half(double value) {
    short bits =
        Double.isFinite(value)
            ? Math.abs(value) == 0 ? 0 : Centring.clipUp(Math.abs(value))
            : (short) (Double.isNaN(value) ? 0x7e00 : 0x7c00);
    short signed = value < 0 ? (short) (bits | 0x8000) : bits;
    if (Double.isFinite(value) && Centring.clipOf(signed) != value) {
      throw new IllegalArgumentException(value + " is no binary16 number");
    }
    return signed;
  }
}
