package dev.sluice.runners;

import dev.sluice.schemas.Certificate;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.ReasonCount;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.round.PlannedRound;
import java.util.Locale;

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
        .append(" logits, quantizer ")
        .append(plan.getQuantizer())
        .append(", clip ")
        .append(
            plan.getClip().getLevel() == null
                ? plan.getClip().getPolicy()
                : Texts.number(plan.getClip().getLevel()) + " (fixed)")
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
    digest(text, "probe set  ", plan.getProbeSetDigest());
    digest(text, "tokenizer  ", plan.getTokenizerDigest());
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

  private static void digest(StringBuilder text, String label, String digest) {
    if (digest != null) {
      text.append(label).append("SHA-256 ").append(digest).append('\n');
    }
  }

  private static String nodes(PlannedRound round, Forecast forecast) {
    Texts.Table table =
        new Texts.Table(
            "node", "bits/coord", "budget/probe", "sent/probe", "symbols", "uplink", "");
    double most =
        round.nodes().stream().mapToDouble(NodePlan::getBitsPerCoordinate).max().orElse(0);
    for (int node = 0; node < round.nodes().size(); node++) {
      NodePlan who = round.nodes().get(node);
      String bar = Texts.bar(who.getBitsPerCoordinate(), most, BAR);
      if (who.getBitsPerProbe() == 0) {
        table.row(who.getName(), "0", "0", "0", "silent", "0 B", bar);
        continue;
      }
      BlockShape shape = round.shape(node, 0);
      table.row(
          who.getName(),
          Texts.number(who.getBitsPerCoordinate()),
          who.getBitsPerProbe() + "",
          String.format(Locale.ROOT, "%.1f", forecast.payloadBitsPerProbe(node)),
          shape.finer() == 0
              ? "" + shape.symbols()
              : shape.symbols() + ".." + (shape.symbols() + 1),
          Texts.bytes(forecast.uplinkBytes(node)),
          bar);
    }
    return table.toString();
  }

  /** What a round came to. */
  static String manifest(Manifest manifest) {
    Certificate certificate = manifest.getCertificate();
    StringBuilder text = new StringBuilder();
    text.append("certificate, nats, mean over probes\n");
    text.append("  upper (U)    ").append(Texts.number(certificate.getUpper()));
    text.append(certificate.getUpper() == null ? "   no dither, no error law\n" : "\n");
    text.append("  lower (L)    ").append(Texts.number(certificate.getLower())).append('\n');
    text.append("  worst case   ").append(Texts.number(certificate.getWorstCase())).append('\n');
    text.append("  error var    ")
        .append(Texts.number(certificate.getMeanVariance()))
        .append(certificate.getMeanVariance() == null ? "\n" : " logits^2\n");
    text.append("  clipped      ")
        .append(Texts.percent(certificate.getClippedFraction()))
        .append(" of coordinates; what clipping did is not in the bounds\n");
    Texts.Table table =
        new Texts.Table(
            "node",
            "blocks",
            "missing",
            "copies",
            "rejects",
            "bits/coord",
            "payload/probe",
            "uplink/probe",
            "overhead",
            "clipped",
            "clip",
            "step",
            "");
    double most =
        manifest.getNodes().stream()
            .mapToDouble(NodeAccount::getPayloadBitsPerProbe)
            .max()
            .orElse(0);
    for (NodeAccount node : manifest.getNodes()) {
      table.row(
          node.getName(),
          node.getBlocks() + "",
          node.getMissingBlocks() + "",
          node.getDuplicateBlocks() + "",
          node.getRejects() + "",
          Texts.number(node.getBitsPerCoordinate()),
          String.format(Locale.ROOT, "%.1f", node.getPayloadBitsPerProbe()),
          String.format(Locale.ROOT, "%.1f", node.getUplinkBitsPerProbe()),
          Texts.percent(node.getOverhead()),
          Texts.percent(node.getClippedFraction()),
          Texts.number(node.getMeanClip()),
          Texts.number(node.getMeanStep()),
          Texts.bar(node.getPayloadBitsPerProbe(), most, BAR));
    }
    text.append(table);
    text.append("teacher    ")
        .append(Texts.count(manifest.getTeacher().size(), "shard"))
        .append(", averaged over at least ")
        .append(Texts.count(manifest.getMinNodes(), "node"))
        .append(" a block\n");
    if (!manifest.getRejects().isEmpty()) {
      text.append(rejects(manifest.getRejects()));
    }
    return text.toString();
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
