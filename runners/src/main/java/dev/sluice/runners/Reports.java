package dev.sluice.runners;

import dev.sluice.schemas.Average;
import dev.sluice.schemas.Certificate;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.Moments;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Predicted;
import dev.sluice.schemas.ReasonCount;
import dev.sluice.schemas.ReferencePlan;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.RevokedKey;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Split;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.trust.BadKeyException;
import dev.sluice.transforms.trust.KeyRing;
import dev.sluice.transforms.trust.VerifyingKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Plans and manifests as people read them. */
final class Reports {
  private static final int BAR = 24;

  private Reports() {}

  /** What a plan asks for and implies. */
  static String plan(PlannedRound round) {
    RoundPlan plan = round.plan();
    Forecast forecast = new Forecast(round);
    StringBuilder text = new StringBuilder();
    text.append("plan       ").append(plan.getId()).append(", digest ").append(round.digestHex());
    text.append("\nround      ")
        .append(Texts.count(round.nodes().size(), "node"))
        .append(", ")
        .append(Texts.count(plan.getProbes(), "probe"))
        .append(" of ")
        .append(plan.getVocabulary())
        .append(" logits, ")
        .append(round.isRelative() ? relative(plan.getReference()) : clipped(plan))
        .append(", seed ")
        .append(plan.getSeed());
    text.append("\nblocks     ")
        .append(round.blocks())
        .append(" of ")
        .append(Texts.count(plan.getLayout().getProbesPerBlock(), "probe"))
        .append(", ")
        .append(plan.getLayout().getBlocksPerShard())
        .append(" to a shard, ")
        .append(Texts.count(round.shards(), "shard"));
    text.append("\nteacher    ")
        .append(Texts.bytes(8L * plan.getProbes() * plan.getVocabulary()))
        .append(" in both formats\n");
    text.append(average(plan.getAverage()));
    digest(text, "probe set  ", plan.getProbeSetDigest());
    digest(text, "tokenizer  ", plan.getTokenizerDigest());
    digest(text, "reference  ", round.referenceSha256().orElse(null));
    if (round.isSigned()) {
      text.append("signed     blocks count only under a signature by a key of their node\n");
    }
    if (!round.refined().isEmpty()) {
      text.append("refines    ")
          .append(
              round.refined().stream()
                  .map(
                      earlier ->
                          earlier.getId() + " (" + Texts.printable(earlier.getDirectory()) + ")")
                  .collect(Collectors.joining(", ")))
          .append("; digits of the same logits, dither of ")
          .append(plan.getDitherRound())
          .append('\n');
    }
    text.append(
        split(
            plan.getSplit(),
            plan.getNodes().stream().mapToDouble(NodePlan::getBitsPerCoordinate).sum()));
    text.append(nodes(round, forecast));
    long total = 0;
    for (int node = 0; node < round.nodes().size(); node++) {
      total += forecast.uplinkBytes(node);
    }
    text.append("all nodes send about ").append(Texts.bytes(total)).append('\n');
    forecast
        .upper()
        .ifPresent(
            upper ->
                text.append("predicted (U), if every node sends every block: ")
                    .append(Texts.number(upper))
                    .append(" nats\n"));
    return text.toString();
  }

  private static String clipped(RoundPlan plan) {
    return "quantizer " + plan.getQuantizer() + ", clip " + clip(plan.getClip());
  }

  private static String relative(ReferencePlan reference) {
    return "relative to "
        + (reference.getSha256() == null ? "the uniform reference" : "reference.npy")
        + ", kappa "
        + Texts.number(reference.getKappa());
  }

  /** How nodes are averaged, where that is not their mean. */
  private static String average(Average average) {
    return average == null || average.getTrim() == 0
        ? ""
        : "average    trimmed mean: of each coordinate the "
            + average.getTrim()
            + " lowest and the "
            + average.getTrim()
            + " highest nodes are left out; only the worst case is certified\n";
  }

  private static void digest(StringBuilder text, String label, String digest) {
    if (digest != null) {
      text.append(label).append("SHA-256 ").append(digest).append('\n');
    }
  }

  private static String clip(ClipPolicy clip) {
    if (clip.getLevels() != null) {
      return "fixed for each node";
    }
    return clip.getLevel() == null ? clip.getPolicy() : Texts.number(clip.getLevel()) + " (fixed)";
  }

  /** How bits were divided and what that is worth; nothing for a plan that does not say. */
  private static String split(Split split, double spent) {
    if (split == null) {
      return "";
    }
    return "split      "
        + Texts.printable(split.getPolicy())
        + " by "
        + Texts.printable(split.getWeights())
        + ", "
        + Texts.number(spent)
        + " of "
        + Texts.number(split.getTotalBitsPerCoordinate())
        + " bits per coordinate over all nodes\n"
        + predicted(split.getPredicted());
  }

  /** What a split is predicted to cost beside the baselines. */
  static String predicted(Predicted predicted) {
    double cost = predicted.getThisSplit();
    return "predicted  "
        + Texts.number(cost)
        + " nats (bandwidth term, from above); uniform "
        + baseline(predicted.getUniform(), cost)
        + ", inverse "
        + baseline(predicted.getInverse(), cost)
        + "\n";
  }

  private static String baseline(Double baseline, double cost) {
    return baseline == null
        ? "not within the bounds"
        : Texts.number(baseline)
            + (cost > 0 ? String.format(Locale.ROOT, " (x%.3g)", baseline / cost) : "");
  }

  private static String nodes(PlannedRound round, Forecast forecast) {
    List<Double> levels = round.plan().getClip().getLevels();
    Split split = round.plan().getSplit();
    boolean refines = !round.refined().isEmpty();
    List<String> headings = new ArrayList<>(List.of("node"));
    addIf(split != null, headings, "weight");
    addIf(levels != null, headings, "clip");
    addIf(refines, headings, "plane");
    addIf(round.isSigned(), headings, "keys");
    headings.addAll(List.of("bits/coord", "budget/probe", "sent/probe", "symbols", "uplink", ""));
    Texts.Table table = new Texts.Table(headings.toArray(new String[0]));
    double most =
        round.nodes().stream().mapToDouble(NodePlan::getBitsPerCoordinate).max().orElse(0);
    for (int node = 0; node < round.nodes().size(); node++) {
      NodePlan who = round.nodes().get(node);
      List<String> cells = new ArrayList<>(List.of(who.getName()));
      addIf(split != null, cells, split == null ? "" : number(split.getNodeWeights(), node));
      addIf(levels != null, cells, levels == null ? "" : number(levels, node));
      addIf(refines, cells, who.getBitsPerProbe() == 0 ? "-" : round.plane(node) + "");
      addIf(round.isSigned(), cells, round.isSigned() ? keys(round.keyRing(node)) : "");
      String bar = Texts.bar(who.getBitsPerCoordinate(), most, BAR);
      if (who.getBitsPerProbe() == 0) {
        cells.addAll(List.of("0", "0", "0", "silent", "0 B", bar));
      } else {
        cells.addAll(
            List.of(
                Texts.number(who.getBitsPerCoordinate()),
                who.getBitsPerProbe() + "",
                (round.isRelative() ? "up to " : "")
                    + String.format(Locale.ROOT, "%.1f", forecast.payloadBitsPerProbe(node)),
                symbols(round, node),
                Texts.bytes(forecast.uplinkBytes(node)),
                bar));
      }
      table.row(cells.toArray(new String[0]));
    }
    return table.toString();
  }

  private static String symbols(PlannedRound round, int node) {
    if (round.isRelative()) {
      return "entropy coded";
    }
    BlockShape shape = round.shape(node, 0);
    return shape.finer() == 0
        ? "" + shape.symbols()
        : shape.symbols() + ".." + (shape.symbols() + 1);
  }

  /** Fingerprints of a node's keys. */
  private static String keys(KeyRing ring) {
    return Stream.concat(
            ring.valid().stream().map(VerifyingKey::fingerprint),
            ring.revoked().stream().map(key -> key.fingerprint() + " (revoked)"))
        .collect(Collectors.joining(" "));
  }

  /** Whether blocks had to be signed, and which keys did not count. */
  private static String signatures(List<RevokedKey> revoked) {
    if (revoked == null) {
      return "signed     no: who sent a block is known by the directory that it lay in\n";
    }
    StringBuilder text = new StringBuilder("signed     each block by a key of its node");
    if (revoked.isEmpty()) {
      return text.append("; none revoked\n").toString();
    }
    text.append("; revoked:\n");
    for (RevokedKey key : revoked) {
      text.append("  ")
          .append(Texts.printable(key.getNode()))
          .append(' ')
          .append(fingerprint(key.getKey()))
          .append("  ")
          .append(Texts.printable(key.getNote()))
          .append('\n');
    }
    return text.toString();
  }

  private static String fingerprint(String key) {
    try {
      return VerifyingKey.of(key).fingerprint();
    } catch (BadKeyException e) {
      return "(no key)"; // in a manifest that somebody else wrote
    }
  }

  private static String number(List<Double> values, int node) {
    return Texts.number(values.get(node));
  }

  private static void addIf(boolean shown, List<String> cells, String cell) {
    if (shown) {
      cells.add(cell);
    }
  }

  /** What a round came to. */
  static String manifest(Manifest manifest) {
    Certificate certificate = manifest.getCertificate();
    StringBuilder text = new StringBuilder();
    text.append("certificate, nats, mean over probes\n");
    boolean relative = certificate.getErrorLaw().equals("relative");
    if (relative) {
      return text.append(relative(certificate)).append(accounts(manifest)).toString();
    }
    text.append("  upper (U)    ").append(Texts.number(certificate.getUpper()));
    text.append(certificate.getUpper() == null ? "   no error law\n" : "\n");
    text.append("  lower (L)    ").append(Texts.number(certificate.getLower())).append('\n');
    text.append("  worst case   ").append(Texts.number(certificate.getWorstCase())).append('\n');
    text.append("  error var    ")
        .append(Texts.number(certificate.getMeanVariance()))
        .append(certificate.getMeanVariance() == null ? "\n" : " logits^2\n");
    text.append("  clipped      ")
        .append(Texts.percent(certificate.getClippedFraction()))
        .append(" of coordinates; what clipping did is not in the bounds\n");
    return text.append(accounts(manifest)).toString();
  }

  private static String relative(Certificate certificate) {
    return certificate.getUpper() == null
        ? "  upper        none: what some node did not send is too much to be said\n"
        : "  upper        "
            + Texts.number(certificate.getUpper())
            + "   for these logits\n  of it unsent "
            + Texts.number(certificate.getUnsent())
            + "   as the nodes measured it\n";
  }

  /** What of a round is not its certificate. */
  private static String accounts(Manifest manifest) {
    StringBuilder text = new StringBuilder();
    text.append(average(manifest.getAverage()));
    text.append(
        split(
            manifest.getSplit(),
            manifest.getNodes().stream().mapToDouble(NodeAccount::getBitsPerCoordinate).sum()));
    boolean refines = manifest.getNodes().stream().anyMatch(n -> n.getPrefixes().size() > 1);
    List<String> headings =
        new ArrayList<>(
            List.of(
                "node",
                "blocks",
                "missing",
                "copies",
                "rejects",
                "bits/coord",
                "payload/probe",
                "uplink/probe",
                "overhead"));
    boolean clips = !manifest.getCertificate().getErrorLaw().equals("relative");
    addIf(clips, headings, "clipped");
    addIf(clips, headings, "clip");
    addIf(clips, headings, "step");
    addIf(refines, headings, "planes");
    headings.add("");
    Texts.Table table = new Texts.Table(headings.toArray(new String[0]));
    double most =
        manifest.getNodes().stream()
            .mapToDouble(NodeAccount::getPayloadBitsPerProbe)
            .max()
            .orElse(0);
    for (NodeAccount node : manifest.getNodes()) {
      List<String> cells =
          new ArrayList<>(
              List.of(
                  node.getName(),
                  node.getBlocks() + "",
                  node.getMissingBlocks() + "",
                  node.getDuplicateBlocks() + "",
                  node.getRejects() + "",
                  Texts.number(node.getBitsPerCoordinate()),
                  String.format(Locale.ROOT, "%.1f", node.getPayloadBitsPerProbe()),
                  String.format(Locale.ROOT, "%.1f", node.getUplinkBitsPerProbe()),
                  Texts.percent(node.getOverhead())));
      addIf(clips, cells, Texts.percent(node.getClippedFraction()));
      addIf(clips, cells, Texts.number(node.getMeanClip()));
      addIf(clips, cells, Texts.number(node.getMeanStep()));
      addIf(refines, cells, planes(node.getPrefixes()));
      cells.add(Texts.bar(node.getPayloadBitsPerProbe(), most, BAR));
      table.row(cells.toArray(new String[0]));
    }
    text.append(table);
    text.append("teacher    ")
        .append(Texts.count(manifest.getTeacher().size(), "shard"))
        .append(", averaged over at least ")
        .append(Texts.count(manifest.getMinNodes(), "node"))
        .append(" a block\n");
    text.append(signatures(manifest.getRevoked()));
    if (manifest.getReport() != null) {
      text.append("page       ")
          .append(Texts.printable(manifest.getReport().getName()))
          .append(", ")
          .append(Texts.bytes(manifest.getReport().getBytes()))
          .append('\n');
    }
    if (!manifest.getRejects().isEmpty()) {
      text.append(rejects(manifest.getRejects()));
    }
    return text.toString();
  }

  /** What a round says about its nodes' logits. */
  static String moments(Moments moments) {
    Texts.Table table =
        new Texts.Table(
            "node",
            "probes",
            "2nd moment",
            "raw",
            "dither var",
            "mean",
            "from",
            "to",
            "clip",
            "clipped");
    for (NodeMoments node : moments.getNodes()) {
      table.row(
          node.getName(),
          node.getProbes() + "",
          Texts.number(node.getSecondMoment()),
          Texts.number(node.getRawSecondMoment()),
          Texts.number(node.getDitherVariance()),
          Texts.number(node.getMean()),
          Texts.number(node.getMin()),
          Texts.number(node.getMax()),
          Texts.number(node.getMaxClip()),
          Texts.percent(node.getClippedFraction()));
    }
    return "moments    of round "
        + Texts.printable(moments.getRound())
        + ", plan "
        + Texts.printable(moments.getPlanDigest())
        + "; logits, logits^2\n"
        + table
        + "teacher    2nd moment "
        + Texts.number(moments.getTeacherSecondMoment())
        + "; variance of a logit between nodes "
        + (moments.getSpread() == null ? "unknown" : Texts.number(moments.getSpread()))
        + " logits^2\n";
  }

  /** How many digit planes a node's blocks had: "3", or "2: 4, 3: 60" where they differ. */
  private static String planes(List<Integer> prefixes) {
    List<String> counts = new ArrayList<>();
    int last = 0;
    for (int i = 0; i < prefixes.size(); i++) {
      if (prefixes.get(i) > 0) {
        counts.add((i + 1) + ": " + prefixes.get(i));
        last = i + 1;
      }
    }
    return counts.size() > 1 ? String.join(", ", counts) : last + "";
  }

  private static String rejects(Iterable<RejectFile> files) {
    Texts.Table table = new Texts.Table("rejected from", "reason", "records");
    for (RejectFile file : files) {
      for (ReasonCount reason : file.getByReason()) {
        table.row(file.getNode(), reason.getReason(), reason.getCount() + "");
      }
    }
    return table.toString();
  }
}
