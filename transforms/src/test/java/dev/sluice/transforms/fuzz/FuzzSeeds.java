package dev.sluice.transforms.fuzz;

import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.ScorePacket;
import dev.sluice.schemas.Sha256;
import dev.sluice.schemas.TrueAnswer;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.avro.ContainerScanner;
import dev.sluice.transforms.RoundFixture;
import dev.sluice.transforms.channel.BlockEncoder;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.channel.NestedDigits;
import dev.sluice.transforms.conformal.CalibrationPlan;
import dev.sluice.transforms.conformal.CalibrationSummary;
import dev.sluice.transforms.reference.ReferenceTarget;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlanSeal;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.scores.ScoreFilesTarget;
import dev.sluice.transforms.trust.KeyPem;
import dev.sluice.transforms.trust.SigningKey;
import dev.sluice.transforms.trust.VerifyingKey;
import dev.sluice.transforms.uplink.BlockSeal;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.apache.avro.Schema;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.avro.specific.SpecificRecordBase;

/**
 * Writes the seeds that are made of Sluice's own formats anew, with the plans that they are of; for
 * when a format has changed. {@code main} takes {@code transforms/src/test/resources/fuzz}. Seeds
 * of other formats are kept by hand.
 */
final class FuzzSeeds {
  private final Path root;
  private final SplittableRandom random = new SplittableRandom(1);

  private FuzzSeeds(Path root) {
    this.root = root;
  }

  public static void main(String[] args) throws Exception {
    FuzzSeeds seeds = new FuzzSeeds(Path.of(args[0]));
    seeds.rounds();
    seeds.npy();
    seeds.references();
    seeds.symbols();
    seeds.summaries();
    seeds.scores();
  }

  private void write(String name, byte[] bytes) throws IOException {
    RoundFixture.write(root.resolve(name), bytes);
  }

  private static byte[] kind(int kind, byte[] rest) {
    byte[] all = new byte[rest.length + 1];
    all[0] = (byte) kind;
    System.arraycopy(rest, 0, all, 1, rest.length);
    return all;
  }

  // ---- rounds and uplinks ----

  private void rounds() throws Exception {
    KeyPair hub = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    KeyPair site = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    SigningKey siteKey = SigningKey.ofDer(site.getPrivate().getEncoded());
    VerifyingKey hubKey = key(hub);
    PlannedRound plain = round("plain", new PlanDraft("plain", 5, 8), "auto", 8);
    PlannedRound probe = round("probe", new PlanDraft("probe", 5, 8), "probe", 6.3);
    PlanDraft keyed = new PlanDraft("signed", 5, 8);
    PlannedRound signed =
        round(
            "signed",
            keyed.withNode("n0", 3.3).withKeys(Map.of("n0", List.of(key(site).base64()))),
            "3.5",
            0);
    PlannedRound finer =
        round(
            "finer",
            new PlanDraft("finer", 5, 8)
                .refining(
                    List.of(
                        new RefinedRound(
                            "plain",
                            plain.digestHex(),
                            "../plain",
                            List.of(8.0, 3.0),
                            List.of(3, 0),
                            List.of("0".repeat(64), "0".repeat(64)))),
                    new BlockLayout(2, 2)),
            "auto",
            2.6);
    for (PlannedRound round : List.of(plain, probe, signed, finer)) {
      String id = round.plan().getId();
      List<CodeBlock> blocks = new ArrayList<>();
      for (int block = 0; block < round.blocks(); block++) {
        RoundFixture fixture = new RoundFixture(round, 3);
        blocks.add(
            new BlockSeal(round, 0)
                .seal(block, fixture.centred(0, block), fixture.clips(0, block)));
      }
      if (round == signed) {
        Sha256 head;
        try (ContainerScanner scanner =
            new ContainerScanner(
                new ByteArrayInputStream(RoundFixture.container(List.of())),
                CodeBlock.getClassSchema())) {
          head = scanner.headDigest();
        }
        blocks.forEach(block -> BlockSeal.sign(block, head, siteKey));
      }
      byte[] file = RoundFixture.container(blocks);
      write("uplink/good-" + id, file);
      if (round != signed) {
        write("block/good-" + id, record(blocks.get(0)));
      }
      write("plan/good-" + id, round.json());
      if (round == plain) {
        write("uplink/truncated", Arrays.copyOf(file, file.length - 40));
        byte[] broken = file.clone();
        broken[file.length - 30] ^= 4; // in the last block
        write("uplink/broken", broken);
        Collections.reverse(blocks);
        write("uplink/good-reversed", RoundFixture.container(blocks));
      }
    }
    write("keys/good-public", KeyPem.of(key(site)));
    write("keys/good-private", KeyPem.of(siteKey));
    write("keys/good-text", key(site).base64().getBytes(StandardCharsets.US_ASCII));
    byte[] sig = PlanSeal.sign(signed, SigningKey.ofDer(hub.getPrivate().getEncoded()), hubKey);
    write("documents/good-signature", kind('g', sig));
    String revoked =
        "{\"format\": \"sluice-revocations-1\", \"round\": \"signed\", \"keys\": [{\"node\": \"n0\","
            + " \"key\": \""
            + key(site).base64()
            + "\", \"note\": \"lost\"}]}";
    write("documents/good-revoked", kind('h', revoked.getBytes(StandardCharsets.UTF_8)));
  }

  private static VerifyingKey key(KeyPair pair) throws Exception {
    return VerifyingKey.of(Base64.getEncoder().encodeToString(pair.getPublic().getEncoded()));
  }

  /** Of n0 with some bits and, where nothing is signed, n1 with 3. */
  private PlannedRound round(String name, PlanDraft draft, String clip, double bits)
      throws IOException {
    boolean fixed = Character.isDigit(clip.charAt(0));
    draft.withClip(
        fixed
            ? new ClipPolicy("fixed", Double.valueOf(clip), null)
            : new ClipPolicy(clip, null, null));
    if (bits > 0) {
      draft.withNode("n0", bits).withNode("n1", 3);
    }
    PlannedRound round = draft.finish(name);
    round.plan().setLayout(new BlockLayout(2, 2));
    byte[] json = dev.sluice.schemas.json.PlainJson.write(round.plan());
    write("rounds/" + name + ".json", json);
    return PlannedRound.parse(json, name);
  }

  private static byte[] record(CodeBlock block) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(CodeBlocks.headerBytes(block.getHeader()));
    BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
    encoder.writeInt(block.getCrc32c());
    encoder.writeBytes(block.getCodes());
    encoder.writeBytes(block.getSignature());
    encoder.flush();
    return out.toByteArray();
  }

  // ---- others ----

  private void npy() throws IOException {
    double[] values = {0, -1.5, 3, 0x1p-24, -65504, 0.125, 7, 8};
    for (String descr : List.of("<f4", "<f2", ">f8")) {
      write("npy/good-" + descr.substring(1), RoundFixture.npy(descr, values, 2, 4));
    }
    byte[] first = RoundFixture.npy("<f4", values, 4, 2);
    ByteArrayOutputStream second = new ByteArrayOutputStream(); // version 2: a length of 4 bytes
    second.write(first, 0, 6);
    second.writeBytes(new byte[] {2, 0, first[8], first[9], 0, 0});
    second.write(first, 10, first.length - 10);
    write("npy/good-version2", second.toByteArray());
  }

  private void references() throws Exception {
    ReferenceTarget target = new ReferenceTarget();
    for (int kind = 0; kind < target.kinds(); kind++) {
      for (int bits : new int[] {0, 1, 5, 20}) {
        write("reference/good-" + kind + "-" + bits, target.good(kind, bits));
      }
    }
    byte[] cut = target.good(4, 5);
    write("reference/truncated", Arrays.copyOf(cut, cut.length - 4));
  }

  private void symbols() throws IOException {
    SymbolsTarget target = new SymbolsTarget();
    for (int kind = 0; kind < target.kinds(); kind++) {
      List<BlockShape> planes = target.shape(kind);
      BlockShape first = planes.get(0);
      double[] x = random.doubles(first.coordinates(), -3, 3).toArray();
      double[] clips = new double[first.probes()];
      Arrays.fill(clips, first.clipPerProbe() ? Centring.clipOf(Centring.clipUp(3)) : 3);
      ByteArrayOutputStream codes = new ByteArrayOutputStream();
      for (int plane = planes.size(); plane >= 1; plane--) {
        BlockEncoder.Encoded encoded =
            NestedDigits.encode(planes.subList(0, plane), SymbolsTarget.key(), 0, 0, x, clips);
        codes.writeBytes(encoded.codes());
      }
      write("symbols/good-" + kind, kind(kind, codes.toByteArray()));
    }
  }

  private void summaries() throws IOException {
    int kind = 0;
    for (CalibrationPlan plan : new SummariesTarget().plans()) {
      int scores = plan.minScores() == plan.maxScores() ? plan.maxScores() : 77;
      byte[] bytes = CalibrationSummary.of(plan, random.doubles(scores, 0, 21).toArray()).encode();
      write("summaries/good-" + kind, kind(kind, bytes));
      kind++;
    }
  }

  private void scores() throws IOException {
    ScoreFilesTarget target = new ScoreFilesTarget();
    List<ScorePacket> packets = new ArrayList<>();
    List<TrueAnswer> answers = new ArrayList<>();
    for (int query = 0; query < 4; query++) {
      byte[] packet = target.packet("q" + query, random.doubles(5, 0, 20).toArray());
      packets.add(
          new ScorePacket(
              "q" + query, query > 1 ? "g" : null, query == 0, ByteBuffer.wrap(packet)));
      answers.add(new TrueAnswer("q" + query, "b"));
    }
    write("scores/good-packets", container(ScorePacket.getClassSchema(), packets));
    write("scores/good-answers", container(TrueAnswer.getClassSchema(), answers));
  }

  private static <T extends SpecificRecordBase> byte[] container(Schema schema, List<T> records)
      throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DataFileWriter<T> writer = new DataFileWriter<>(new SpecificDatumWriter<>(schema))) {
      writer.create(schema, out, new byte[16]);
      for (T record : records) {
        writer.append(record);
      }
    }
    return out.toByteArray();
  }
}
