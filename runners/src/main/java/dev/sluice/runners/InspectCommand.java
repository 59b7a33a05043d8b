package dev.sluice.runners;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.schemas.Allocation;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.Moments;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.TeacherBlock;
import dev.sluice.schemas.avro.ContainerScanner;
import dev.sluice.schemas.avro.NotAContainerException;
import dev.sluice.schemas.json.JsonDocumentException;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.commit.CommitMoments;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlanSeal;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.trust.VerifyingKey;
import dev.sluice.transforms.uplink.ListUplinks;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.file.DataFileStream;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificRecord;
import org.apache.beam.sdk.io.fs.MatchResult;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows what is there. */
@Command(
    name = "inspect",
    description = {
      "Show a round, or one of its files: plan.json, manifest.json, moments.json, an uplink"
          + " directory or file, a teacher's .npy or .avro, a rejects .avro; or an allocation.",
      "Uplinks are read to the last byte and their checksums verified; damage is described."
    })
final class InspectCommand extends SluiceCommand {
  @Parameters(paramLabel = "PATH", description = "A round directory or something in it.")
  private String path;

  @Option(names = "--json", description = "One JSON document, for programs.")
  private boolean json;

  /** One thing inspected, for people and for programs. */
  private record Finding(String text, ObjectNode tree) {}

  @Override
  public Integer call() throws IOException {
    Finding finding = inspect(Locations.of(path));
    if (json) {
      out().print(new String(PlainJson.write(finding.tree()), StandardCharsets.UTF_8));
    } else {
      out().print(finding.text());
    }
    return ExitCodes.OK;
  }

  private static Finding inspect(String path) throws IOException {
    if (Locations.isLocalDirectory(path)) {
      RoundDirectory directory = Locations.round(path);
      // Of a round that was planned anew, the plan is the new one, whatever its current version
      // has.
      RoundDirectory asked =
          directory.outputs().equals(path) ? directory : new RoundDirectory(directory.root());
      return Storage.find(asked.plan()).isPresent() ? round(asked, directory) : uplinks(path);
    }
    MatchResult.Metadata file = Locations.existing(path);
    if (path.endsWith(".json")) {
      return document(path);
    }
    if (path.endsWith(".npy")) {
      return matrix(file);
    }
    return container(file);
  }

  private static ObjectNode tree(String kind, String path) {
    return JsonNodeFactory.instance.objectNode().put("kind", kind).put("path", path);
  }

  // ---- a round ----

  private static Finding round(RoundDirectory asked, RoundDirectory directory) throws IOException {
    PlannedRound planned = RoundRunner.plan(asked);
    ObjectNode tree = tree("round", directory.root());
    tree.set("plan", planTree(planned));
    StringBuilder text = new StringBuilder(Reports.plan(planned)).append('\n');

    SortedMap<String, long[]> uplinks = new TreeMap<>();
    for (MatchResult.Metadata file : ListUplinks.everything(directory)) {
      String name = file.resourceId().getFilename();
      if (name != null && !name.startsWith(".")) {
        long[] sum =
            uplinks.computeIfAbsent(Storage.directoryName(file.resourceId()), node -> new long[2]);
        sum[0]++;
        sum[1] += Math.max(0, file.sizeBytes());
      }
    }
    signature(planned, directory, text, tree);
    Texts.Table table = new Texts.Table("uplink of", "files", "size", "");
    ArrayNode list = tree.putArray("uplinks");
    uplinks.forEach(
        (node, sum) -> {
          boolean known = planned.indexOf(node).isPresent();
          list.addObject()
              .put("node", node)
              .put("inPlan", known)
              .put("files", sum[0])
              .put("bytes", sum[1]);
          table.row(node, sum[0] + "", Texts.bytes(sum[1]), known ? "" : "not in the plan");
        });
    text.append(uplinks.isEmpty() ? "no uplinks yet\n" : table.toString()).append('\n');

    if (!directory.outputs().equals(directory.root())) {
      tree.put("outputs", directory.outputs());
      text.append("version    ").append(Texts.printable(directory.outputs())).append('\n');
    }
    if (Storage.find(directory.manifest()).isEmpty()) {
      tree.put("done", false).putNull("manifest");
      text.append("not done: no manifest.json\n");
    } else {
      Manifest manifest = RoundRunner.manifest(directory);
      boolean same = manifest.getPlanDigest().equals(planned.digestHex());
      tree.put("done", same).set("manifest", PlainJson.toTree(manifest));
      text.append(
          same
              ? "done\n"
              : "not done: manifest.json is of another plan, "
                  + manifest.getPlanDigest()
                  + again(directory)
                  + "\n");
      if (same
          && manifest.getRevoked() != null
          && !manifest.getRevoked().equals(planned.revoked())) {
        text.append("other keys are revoked by now").append(again(directory)).append('\n');
      }
      text.append(Reports.manifest(manifest));
    }
    return new Finding(text.toString(), tree);
  }

  private static String again(RoundDirectory directory) {
    return directory.outputs().equals(directory.root())
        ? "; aggregate again"
        : "; 'sluice recompute' makes a further version";
  }

  /** Who signed the plan; that is nothing to go by unless one knows whose key it is. */
  private static void signature(
      PlannedRound planned, RoundDirectory directory, StringBuilder text, ObjectNode tree)
      throws IOException {
    if (Storage.find(directory.planSignature()).isEmpty()) {
      tree.putNull("planSignedBy");
      return;
    }
    try {
      VerifyingKey signer = PlanSeal.signer(planned, directory);
      tree.put("planSignedBy", signer.base64());
      text.append("plan.sig   by key ").append(signer).append("; whose, one must know\n\n");
    } catch (BadInputException | JsonDocumentException e) {
      tree.putNull("planSignedBy");
      text.append("plan.sig   no signature of this plan: ").append(e.getMessage()).append("\n\n");
    }
  }

  private static ObjectNode planTree(PlannedRound planned) {
    Forecast forecast = new Forecast(planned);
    ObjectNode tree = JsonNodeFactory.instance.objectNode();
    tree.put("digest", planned.digestHex());
    tree.put("blocks", planned.blocks()).put("shards", planned.shards());
    forecast
        .upper()
        .ifPresentOrElse(
            upper -> tree.put("predictedUpper", upper), () -> tree.putNull("predictedUpper"));
    ArrayNode bits = tree.putArray("payloadBitsPerProbe");
    ArrayNode bytes = tree.putArray("expectedUplinkBytes");
    for (int node = 0; node < planned.nodes().size(); node++) {
      bits.add(forecast.payloadBitsPerProbe(node));
      bytes.add(forecast.uplinkBytes(node));
    }
    tree.set("document", PlainJson.toTree(planned.plan()));
    return tree;
  }

  // ---- documents ----

  private static Finding document(String path) throws IOException {
    byte[] bytes = Storage.read(path, PlainJson.MAX_BYTES);
    String text = new String(bytes, StandardCharsets.UTF_8);
    if (isFormat(text, MANIFEST_FORMAT)) {
      Manifest manifest = PlainJson.read(Manifest.class, Manifest.getClassSchema(), bytes, path);
      ObjectNode tree = tree("manifest", path);
      tree.set("document", PlainJson.toTree(manifest));
      return new Finding(
          "manifest   "
              + manifest.getRound()
              + ", of plan "
              + manifest.getPlanDigest()
              + "\n"
              + Reports.manifest(manifest),
          tree);
    }
    if (isFormat(text, CommitMoments.FORMAT)) {
      Moments moments = PlainJson.read(Moments.class, Moments.getClassSchema(), bytes, path);
      ObjectNode tree = tree("moments", path);
      tree.set("document", PlainJson.toTree(moments));
      return new Finding(Reports.moments(moments), tree);
    }
    if (isFormat(text, AllocationTask.FORMAT)) {
      Allocation split = PlainJson.read(Allocation.class, Allocation.getClassSchema(), bytes, path);
      ObjectNode tree = tree("allocation", path);
      tree.set("document", PlainJson.toTree(split));
      return new Finding(AllocateCommand.forPeople(split), tree);
    }
    PlannedRound planned = PlannedRound.parse(bytes, path);
    ObjectNode tree = tree("plan", path);
    tree.setAll(planTree(planned));
    return new Finding(Reports.plan(planned), tree);
  }

  private static final String MANIFEST_FORMAT = "sluice-manifest-1";

  /** Whether a file begins as a document of a format. */
  static boolean hasFormat(String path, String format) throws IOException {
    try (InputStream in = Channels.newInputStream(Storage.open(Storage.resource(path)))) {
      return isFormat(new String(in.readNBytes(256), StandardCharsets.UTF_8), format);
    }
  }

  private static boolean isFormat(String json, String format) {
    return Pattern.compile("\"format\"\\s*:\\s*\"" + format + "\"").matcher(json).find();
  }

  // ---- uplinks ----

  private static Finding uplinks(String path) throws IOException {
    List<MatchResult.Metadata> files = new ArrayList<>();
    for (MatchResult.Metadata file : Storage.match(path + "/*")) {
      String name = file.resourceId().getFilename();
      if (name != null && name.endsWith(".avro") && !name.startsWith(".")) {
        files.add(file);
      }
    }
    if (files.isEmpty()) {
      throw new BadInputException(
          path + ": no round and no uplink: it holds neither plan.json nor .avro files");
    }
    files.sort(Comparator.comparing(file -> file.resourceId().toString()));
    for (MatchResult.Metadata file : files) {
      if (refusal(file, TeacherBlock.getClassSchema()) == null
          || refusal(file, RejectedRecord.getClassSchema()) == null) {
        return each(path, files); // teacher/ or rejects/
      }
    }
    return survey("uplink directory", path, files);
  }

  private static Finding each(String path, List<MatchResult.Metadata> files) throws IOException {
    ObjectNode tree = tree("directory", path);
    ArrayNode list = tree.putArray("files");
    StringBuilder text = new StringBuilder();
    for (MatchResult.Metadata file : files) {
      Finding finding = container(file);
      list.add(finding.tree());
      text.append(file.resourceId().getFilename()).append('\n').append(finding.text());
    }
    return new Finding(text.toString(), tree);
  }

  private static Finding survey(String kind, String path, List<MatchResult.Metadata> files)
      throws IOException {
    UplinkSurvey all = new UplinkSurvey();
    Texts.Table table = new Texts.Table("file", "size", "blocks", "problems");
    for (MatchResult.Metadata file : files) {
      long blocks = all.blocks();
      long problems = all.problemCount();
      all.add(file);
      table.row(
          file.resourceId().getFilename(),
          Texts.bytes(file.sizeBytes()),
          (all.blocks() - blocks) + "",
          (all.problemCount() - problems) + "");
    }
    ObjectNode tree = tree(kind.replace(' ', '-'), path);
    tree.put("files", all.files()).put("bytes", all.bytes()).put("blocks", all.blocks());
    all.rounds().forEach(tree.putArray("rounds")::add);
    all.plans().forEach(tree.putArray("plans")::add);
    all.nodes().forEach(tree.putArray("nodes")::add);
    tree.put("probes", all.probes()).put("payloadBits", all.payloadBits());
    tree.put("clipped", all.clipped()).put("masked", all.masked());
    if (all.blocks() > 0) {
      tree.put("firstBlock", all.firstBlock()).put("lastBlock", all.lastBlock());
      tree.put("minClip", all.minClip()).put("maxClip", all.maxClip());
    }
    tree.put("problems", all.problemCount());
    all.problems().forEach(tree.putArray("firstProblems")::add);

    StringBuilder text = new StringBuilder();
    text.append("uplink     of ")
        .append(all.nodes().isEmpty() ? "-" : names(List.copyOf(all.nodes())));
    text.append(", round ").append(all.rounds().isEmpty() ? "-" : names(List.copyOf(all.rounds())));
    text.append("\nplan       ")
        .append(all.plans().isEmpty() ? "-" : names(List.copyOf(all.plans())));
    text.append("\nblocks     ").append(all.blocks());
    if (all.blocks() > 0) {
      text.append(", from ").append(all.firstBlock()).append(" to ").append(all.lastBlock());
      text.append("; ").append(Texts.count(all.probes(), "probe"));
      text.append("\nbits/probe ")
          .append(Texts.number((double) all.payloadBits() / all.probes()))
          .append(" of codes, ")
          .append(Texts.number(8.0 * all.bytes() / all.probes()))
          .append(" with headers and framing");
      text.append("\nclip       ").append(Texts.number(all.minClip()));
      if (all.minClip() != all.maxClip()) {
        text.append(" to ").append(Texts.number(all.maxClip()));
      }
      text.append(" logits; ").append(all.clipped()).append(" coordinates clipped, ");
      text.append(all.masked()).append(" masked");
    }
    text.append('\n').append(table);
    if (all.problemCount() > 0) {
      text.append(Texts.count(all.problemCount(), "problem")).append('\n');
      all.problems()
          .forEach(problem -> text.append("  ").append(Texts.printable(problem)).append('\n'));
      if (all.problemCount() > all.problems().size()) {
        text.append("  ... and ")
            .append(all.problemCount() - all.problems().size())
            .append(" more\n");
      }
    }
    return new Finding(text.toString(), tree);
  }

  // ---- Avro containers ----

  private static Finding container(MatchResult.Metadata file) throws IOException {
    String path = file.resourceId().toString();
    String refusal = refusal(file, CodeBlock.getClassSchema());
    if (refusal == null) {
      return survey("uplink file", path, List.of(file));
    }
    if (refusal(file, TeacherBlock.getClassSchema()) == null) {
      return teacher(file);
    }
    if (refusal(file, RejectedRecord.getClassSchema()) == null) {
      return rejects(file);
    }
    throw new BadInputException(path + ": no code blocks, teacher or rejects: " + refusal);
  }

  /** Why a file is no container of a schema; null if it is one. */
  private static String refusal(MatchResult.Metadata file, Schema schema) throws IOException {
    try (InputStream in = Channels.newInputStream(Storage.open(file.resourceId()))) {
      new ContainerScanner(in, schema).close();
      return null;
    } catch (NotAContainerException e) {
      return e.getMessage();
    }
  }

  /** Takes the records of a file one by one. */
  private interface RecordConsumer<T> {
    void accept(T record);
  }

  private static <T extends SpecificRecord> void forEach(
      MatchResult.Metadata file, Class<T> type, RecordConsumer<T> consumer) throws IOException {
    try (InputStream in = Channels.newInputStream(Storage.open(file.resourceId()));
        DataFileStream<T> records = new DataFileStream<>(in, new SpecificDatumReader<>(type))) {
      while (records.hasNext()) {
        consumer.accept(records.next());
      }
    } catch (AvroRuntimeException | OutOfMemoryError e) { // a damaged length can claim any size
      throw new BadInputException(file.resourceId() + ": damaged: " + e.getMessage(), e);
    }
  }

  private static Finding teacher(MatchResult.Metadata file) throws IOException {
    String path = file.resourceId().toString();
    Values values = new Values();
    long[] counts = new long[4]; // blocks, probes, first probe, vocabulary
    counts[2] = -1;
    String[] round = {""};
    forEach(
        file,
        TeacherBlock.class,
        block -> {
          counts[0]++;
          counts[1] += block.getProbes();
          counts[2] = counts[2] < 0 ? block.getFirstProbe() : counts[2];
          counts[3] = block.getVocabulary();
          round[0] = block.getRound();
          FloatBuffer logits =
              block.getLogits().asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
          while (logits.hasRemaining()) {
            values.add(logits.get());
          }
        });
    ObjectNode tree = tree("teacher-blocks", path);
    tree.put("round", round[0]).put("blocks", counts[0]).put("probes", counts[1]);
    tree.put("firstProbe", counts[2]).put("vocabulary", counts[3]);
    values.into(tree);
    return new Finding(
        "teacher    of round "
            + round[0]
            + ": "
            + Texts.count(counts[0], "block")
            + ", "
            + Texts.count(counts[1], "probe")
            + " from "
            + counts[2]
            + ", vocabulary "
            + counts[3]
            + "\n"
            + values.text(),
        tree);
  }

  private static Finding rejects(MatchResult.Metadata file) throws IOException {
    String path = file.resourceId().toString();
    Map<String, Long> reasons = new TreeMap<>();
    Texts.Table table = new Texts.Table("block", "reason", "file", "byte", "detail");
    ObjectNode tree = tree("rejects", path);
    ArrayNode list = tree.putArray("records");
    forEach(
        file,
        RejectedRecord.class,
        record -> {
          reasons.merge(record.getReason(), 1L, Long::sum);
          table.row(
              record.getBlock() == null ? "-" : record.getBlock() + "",
              record.getReason(),
              record.getFile(),
              record.getOffset() + "",
              record.getDetail());
          list.add(PlainJson.toTree(record));
        });
    ObjectNode counts = tree.putObject("byReason");
    StringBuilder text = new StringBuilder();
    reasons.forEach(
        (reason, count) -> {
          counts.put(reason, count);
          text.append("  ").append(count).append(' ').append(reason).append('\n');
        });
    return new Finding("rejects by reason\n" + text + table, tree);
  }

  // ---- matrices ----

  private static Finding matrix(MatchResult.Metadata file) throws IOException {
    String path = file.resourceId().toString();
    Values values = new Values();
    try (NpyRows rows = NpyRows.open(Storage.open(file.resourceId()), path)) {
      double[] row = new double[rows.columns()];
      for (long i = 0; i < rows.rows(); i++) {
        rows.read(i, i + 1, row, 0);
        for (double value : row) {
          values.add(value);
        }
      }
      ObjectNode tree = tree("matrix", path);
      tree.put("rows", rows.rows()).put("columns", rows.columns());
      tree.put("type", rows.header().type().name().toLowerCase(java.util.Locale.ROOT));
      values.into(tree);
      return new Finding(
          "matrix     "
              + rows.rows()
              + " x "
              + rows.columns()
              + ", "
              + tree.get("type").textValue()
              + ", "
              + Texts.bytes(file.sizeBytes())
              + "\n"
              + values.text(),
          tree);
    }
  }

  /** Running description of numbers. */
  private static final class Values {
    private double min = Double.POSITIVE_INFINITY;
    private double max = Double.NEGATIVE_INFINITY;
    private double sum;
    private long finite;
    private long notFinite;

    void add(double value) {
      if (Double.isFinite(value)) {
        finite++;
        sum += value;
        min = Math.min(min, value);
        max = Math.max(max, value);
      } else {
        notFinite++;
      }
    }

    void into(ObjectNode tree) {
      if (finite > 0) {
        tree.put("min", min).put("max", max).put("mean", sum / finite);
      }
      tree.put("notFinite", notFinite);
    }

    String text() {
      return "logits     "
          + (finite == 0
              ? "none finite"
              : "from "
                  + Texts.number(min)
                  + " to "
                  + Texts.number(max)
                  + ", mean "
                  + Texts.number(sum / finite))
          + (notFinite == 0 ? "" : "; " + notFinite + " not finite (NaN or infinite)")
          + "\n";
    }
  }
}
