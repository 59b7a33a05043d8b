package dev.sluice.transforms.audit;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.ActiveRange;
import dev.sluice.schemas.Audit;
import dev.sluice.schemas.AuditShare;
import dev.sluice.schemas.AuditedLogits;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodeAudit;
import dev.sluice.schemas.Split;
import dev.sluice.schemas.avro.CodeBlocks;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.aggregation.CommittedTeacher;
import dev.sluice.transforms.allocation.ResidualSplit;
import dev.sluice.transforms.allocation.SplitCertificate;
import dev.sluice.transforms.allocation.Weighting;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.channel.NestedDigits;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.uplink.LogitBlock;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PDone;

/**
 * Measures a committed round's teacher against the raw logits of its nodes, shard by shard, and
 * writes an {@link Audit} document. THEORY 3.2–3.4.
 */
@AutoValue
public abstract class AuditTeacher extends PTransform<PCollection<Integer>, PDone> {
  abstract PlannedRound round();

  abstract String manifestJson();

  abstract RoundDirectory directory();

  abstract Map<String, String> logits();

  abstract String output();

  /**
   * Audits a round.
   *
   * @param manifest the round's manifest
   * @param logits .npy files of m × V by node, for every node that was averaged
   * @param output document to write
   * @throws BadInputException if a node that was averaged has no logits here
   */
  public static AuditTeacher of(
      PlannedRound round,
      Manifest manifest,
      RoundDirectory directory,
      Map<String, String> logits,
      String output)
      throws BadInputException {
    for (NodeAccount node : manifest.getNodes()) {
      boolean oneLevel = round.plan().getClip().getPolicy().equals("auto") && node.getProbes() > 0;
      if (oneLevel && node.getMaxClip() - node.getMeanClip() > 1e-9 * node.getMaxClip()) {
        throw new BadInputException(
            "node '"
                + node.getName()
                + "' sent blocks with different clips (mean "
                + node.getMeanClip()
                + ", largest "
                + node.getMaxClip()
                + "), where policy 'auto' has one: its steps cannot be told from its logits");
      }
    }
    for (ActiveRange run : manifest.getActive()) {
      for (String node : run.getNodes()) {
        if (!logits.containsKey(node)) {
          throw new BadInputException(
              "node '" + node + "' was averaged, but its raw logits are not among those given");
        }
      }
    }
    String json = new String(PlainJson.write(manifest), StandardCharsets.UTF_8);
    return new AutoValue_AuditTeacher(round, json, directory, Map.copyOf(logits), output);
  }

  @Override
  public PDone expand(PCollection<Integer> shards) {
    shards
        .apply("MeasureShard", ParDo.of(new MeasureFn(this)))
        .setCoder(AvroCoder.of(AuditShare.class))
        .apply("OneKey", WithKeys.of(0))
        .setCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(AuditShare.class)))
        .apply("Gather", GroupByKey.create())
        .apply("WriteAudit", ParDo.of(new WriteFn(this)));
    return PDone.in(shards.getPipeline());
  }

  private Manifest manifest() {
    return read(manifestJson());
  }

  private static Manifest read(String json) {
    try {
      return PlainJson.read(
          Manifest.class,
          Manifest.getClassSchema(),
          json.getBytes(StandardCharsets.UTF_8),
          "manifest.json");
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static class MeasureFn extends DoFn<Integer, AuditShare> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;
    private final String manifestJson;
    private final RoundDirectory directory;
    private final Map<String, String> logits;

    MeasureFn(AuditTeacher audit) {
      this.round = audit.round();
      this.manifestJson = audit.manifestJson();
      this.directory = audit.directory();
      this.logits = audit.logits();
    }

    @ProcessElement
    public void measure(@Element Integer shard, OutputReceiver<AuditShare> out) throws IOException {
      Manifest manifest = read(manifestJson);
      int vocabulary = round.vocabulary();
      int maxProbes = round.probesIn(0);
      ShardAudit audit =
          new ShardAudit(shard, round.hasErrorLaw(), round.trim(), maxProbes, vocabulary);
      double[] taught = new double[maxProbes * vocabulary];
      long firstOfShard = round.firstProbe(round.firstBlock(shard));
      try (LogitBlock rows = new LogitBlock(round, Centring.Masking.ALLOWED);
          NpyRows teacher = CommittedTeacher.open(directory, manifest, shard)) {
        for (int block = round.firstBlock(shard); block < round.endBlock(shard); block++) {
          int probes = round.probesIn(block);
          long from = round.firstProbe(block) - firstOfShard;
          teacher.read(from, from + probes, taught, 0);
          ActiveRange active = activeAt(manifest, block);
          audit.begin(probes, active.getNodes().size());
          for (int i = 0; i < active.getNodes().size(); i++) {
            String name = active.getNodes().get(i);
            rows.open(logits.get(name)).read(block);
            int node = round.indexOf(name).orElseThrow();
            if (round.isRelative()) {
              // Centred by midrange, so that a row's least is its largest magnitude negated.
              audit.add(node, rows.centred(), Arrays.copyOf(rows.magnitudes(), probes));
              continue;
            }
            audit.add(
                node,
                NestedDigits.law(round.planes(node, block).subList(0, active.getPlanes().get(i))),
                rows.centred(),
                clips(manifest.getNodes().get(node), rows, probes));
          }
          audit.end(taught);
        }
      }
      out.output(audit.sums());
    }

    private double[] clips(NodeAccount node, LogitBlock rows, int probes) {
      double[] clips = new double[probes];
      if (round.clipPerProbe()) {
        for (int probe = 0; probe < probes; probe++) {
          clips[probe] = Centring.clipOf(Centring.clipUp(rows.magnitudes()[probe]));
        }
      } else {
        Arrays.fill(clips, node.getMaxClip()); // one level for the whole node
      }
      return clips;
    }

    private static ActiveRange activeAt(Manifest manifest, int block) throws BadInputException {
      for (ActiveRange run : manifest.getActive()) {
        if (run.getFirstBlock() <= block && block <= run.getLastBlock()) {
          return run;
        }
      }
      throw new BadInputException("manifest.json names no active nodes for block " + block);
    }
  }

  private static class WriteFn extends DoFn<KV<Integer, Iterable<AuditShare>>, Void> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;
    private final String manifestJson;
    private final String output;

    WriteFn(AuditTeacher audit) {
      this.round = audit.round();
      this.manifestJson = audit.manifestJson();
      this.output = audit.output();
    }

    @ProcessElement
    public void write(@Element KV<Integer, Iterable<AuditShare>> shares) throws IOException {
      List<AuditShare> shards = new ArrayList<>();
      shares.getValue().forEach(shards::add);
      shards.sort(Comparator.comparingInt(AuditShare::getShard));
      Storage.replace(output, PlainJson.write(sum(shards)));
    }

    private static String digest(String json) {
      byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(CodeBlocks.sha256().digest(bytes));
    }

    /** Sums over probes, added up in the order of the shards. */
    private static final class Totals {
      private long probes;
      private double kl;
      private double klSquares;
      private double clipKl;
      private double error;
      private double squaredError;
      private double upper;
      private double lower;
      private double worstCase;

      void add(AuditShare shard) {
        probes += shard.getProbes();
        kl += shard.getKl();
        klSquares += shard.getKlSquares();
        clipKl += shard.getClipKl();
        error += shard.getError();
        squaredError += shard.getSquaredError();
        upper += shard.getUpper();
        lower += shard.getLower();
        worstCase += shard.getWorstCase();
      }
    }

    private Audit sum(List<AuditShare> shards) {
      Manifest manifest = read(manifestJson);
      Totals totals = new Totals();
      shards.forEach(totals::add);
      double m = totals.probes;
      double kl = totals.kl / m;
      double spread = Math.max(0, totals.klSquares / m - kl * kl);
      boolean errorLaw = round.hasErrorLaw();
      double[] squares = new double[round.nodes().size()];
      double[] clipSquares = new double[squares.length];
      for (AuditShare shard : shards) {
        for (AuditedLogits logits : shard.getNodes()) {
          squares[logits.getNode()] += logits.getSquares();
          clipSquares[logits.getNode()] += logits.getClipSquares();
        }
      }
      Split split = round.plan().getSplit();
      List<NodeAudit> nodes = new ArrayList<>();
      for (NodeAccount node : manifest.getNodes()) {
        int index = nodes.size();
        double averaged = Math.max(1, node.getProbes());
        nodes.add(
            new NodeAudit(
                node.getName(),
                node.getBitsPerProbe(),
                node.getPayloadBitsPerProbe(),
                node.getOverhead(),
                node.getClippedFraction(),
                node.getMeanStep(),
                squares[index] / (averaged * round.vocabulary()),
                clipSquares[index] / (3 * averaged),
                split == null ? null : split.getNodeWeights().get(index)));
      }
      boolean estimated = split != null && !split.getWeights().equals(ResidualSplit.WEIGHTS);
      boolean moments = estimated && split.getWeights().equals(Weighting.SECOND_MOMENT.label());
      return Audit.newBuilder()
          .setRound(manifest.getRound())
          .setManifestDigest(digest(manifestJson))
          .setProbes(totals.probes)
          .setKl(kl)
          .setKlStandardError(totals.probes < 2 ? null : Math.sqrt(spread / (m - 1)))
          .setUpper(errorLaw ? Double.valueOf(totals.upper / m) : certified(manifest))
          .setLower(errorLaw ? totals.lower / m : null)
          .setCertifiedLower(manifest.getCertificate().getLower())
          .setWorstCase(round.isRelative() ? null : totals.worstCase / m)
          .setClipKl(totals.clipKl / m)
          .setMse(totals.squaredError / (m * round.vocabulary()))
          .setExpectedMse(manifest.getCertificate().getMeanVariance())
          .setBias(totals.error / (m * round.vocabulary()))
          .setNodes(nodes)
          .setPrice(
              estimated
                  ? price(nodes, moments ? NodeAudit::getSecondMoment : NodeAudit::getChannelWeight)
                  : null)
          .setChannelPrice(estimated ? price(nodes, NodeAudit::getChannelWeight) : null)
          .build();
    }

    private Double certified(Manifest manifest) {
      return round.isRelative() ? manifest.getCertificate().getUpper() : null;
    }

    /** Of the nodes with bits that were averaged; null where a weight is 0. */
    private static Double price(List<NodeAudit> nodes, ToDoubleFunction<NodeAudit> truth) {
      List<NodeAudit> active =
          nodes.stream()
              .filter(node -> node.getBitsPerProbe() > 0 && node.getChannelWeight() > 0)
              .toList();
      double[] weights = active.stream().mapToDouble(truth).toArray();
      double[] estimates = active.stream().mapToDouble(NodeAudit::getWeight).toArray();
      boolean positive =
          weights.length > 0
              && DoubleStream.concat(DoubleStream.of(weights), DoubleStream.of(estimates))
                  .allMatch(weight -> weight > 0);
      return positive ? SplitCertificate.price(weights, estimates) : null;
    }
  }
}
