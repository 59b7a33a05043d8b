package dev.sluice.runners;

import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.json.PlainJson;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/** Small rounds and their logits. */
final class Site {
  static final int PROBES = 40;
  static final int VOCABULARY = 16;

  private Site() {}

  /** PROBES × VOCABULARY logits that differ from seed to seed. */
  static float[] logits(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] logits = new float[PROBES * VOCABULARY];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) (8 * random.nextDouble() - 4);
    }
    return logits;
  }

  /** Writes a float32 matrix. */
  static Path npy(Path file, float... logits) throws IOException {
    return npy(
        file, "'<f4'", "False", "(" + logits.length / VOCABULARY + ", " + VOCABULARY + ")", logits);
  }

  /** Writes float32 data under any header. */
  static Path npy(Path file, String descr, String fortran, String shape, float... data)
      throws IOException {
    String text =
        "{'descr': " + descr + ", 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
    byte[] header =
        (text + " ".repeat(117 - text.length()) + "\n").getBytes(StandardCharsets.US_ASCII);
    ByteBuffer bytes =
        ByteBuffer.allocate(10 + header.length + 4 * data.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes
        .put((byte) 0x93)
        .put("NUMPY".getBytes(StandardCharsets.US_ASCII))
        .put((byte) 1)
        .put((byte) 0);
    bytes.putShort((short) header.length).put(header);
    for (float value : data) {
      bytes.putFloat(value);
    }
    return Files.write(file, bytes.array());
  }

  /** Plans a round of 10 blocks in 4 shards, changed in some way. */
  static void plan(Path round, String nodes, Consumer<RoundPlan> change) throws IOException {
    Cli.Result planned =
        Cli.run(
            "plan",
            "--round",
            round.toString(),
            "--id",
            "r1",
            "--nodes",
            nodes,
            "--probes",
            "" + PROBES,
            "--vocab",
            "" + VOCABULARY,
            "--bits-per-coordinate",
            "4");
    if (planned.code() != 0) {
      throw new IllegalStateException(planned.toString());
    }
    inSmallBlocks(round, change);
  }

  /** Changes a plan to 10 blocks in 4 shards, and in some other way. */
  static void inSmallBlocks(Path round, Consumer<RoundPlan> change) throws IOException {
    Path file = round.resolve("plan.json");
    RoundPlan plan =
        PlainJson.read(
            RoundPlan.class, RoundPlan.getClassSchema(), Files.readAllBytes(file), "plan");
    plan.getLayout().setProbesPerBlock(4);
    plan.getLayout().setBlocksPerShard(3);
    change.accept(plan);
    Files.write(file, PlainJson.write(plan));
  }

  /** Plans a round and encodes all of its nodes. */
  static Path sent(Path directory, String... nodes) throws IOException {
    Path round = directory.resolve("round");
    plan(round, String.join(",", nodes), plan -> {});
    for (int i = 0; i < nodes.length; i++) {
      send(round, nodes[i], npy(directory.resolve(nodes[i] + ".npy"), logits(i)));
    }
    return round;
  }

  /** Encodes one node. */
  static void send(Path round, String node, Path logits) {
    Cli.Result encoded =
        Cli.run(
            "encode", "--round", round.toString(), "--node", node, "--logits", logits.toString());
    if (encoded.code() != 0) {
      throw new IllegalStateException(encoded.toString());
    }
  }
}
