package dev.sluice.runners;

import dev.sluice.schemas.Audit;
import dev.sluice.schemas.NodeAudit;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice audit}. */
@Command(
    name = "audit",
    description = {
      "Measures a committed round against the raw logits it was made from.",
      "",
      "Prints, in nats and as means over probes, the KL divergence from the plan's average of the"
          + " clipped logits to the teacher, between the bounds that the certificate gives for its"
          + " expectation; what clipping alone did, apart; and the teacher's mean squared error and"
          + " bias per coordinate, in logits. Only someone who holds the raw logits can run it."
    },
    footer = {
      "",
      "Example:",
      "  sluice audit --round rounds/r1 --logits n0=n0.npy,n1=n1.npy,n2=n2.npy,n3=n3.npy"
    })
final class AuditCommand extends SluiceCommand {
  @Option(names = "--round", required = true, paramLabel = "DIR", description = "Round directory.")
  private String round;

  @Option(
      names = "--logits",
      required = true,
      split = ",",
      paramLabel = "node=FILE",
      description = "Raw logits (.npy, m x V) of every node that was averaged.")
  private Map<String, String> logits;

  @Mixin private HubKeyOption hub;

  @Option(names = "--json", description = "Print one JSON object and nothing else.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    RoundDirectory directory = Locations.round(round);
    PlannedRound planned = RoundRunner.plan(directory);
    hub.check(planned, directory);
    Map<String, String> files = new LinkedHashMap<>();
    for (Map.Entry<String, String> node : logits.entrySet()) {
      files.put(node.getKey(), Locations.of(node.getValue()));
    }
    Audit audit = AuditRunner.audit(planned, directory, files, RunnerChoice.direct());
    out()
        .print(
            json
                ? new String(PlainJson.write(audit), StandardCharsets.UTF_8)
                : forPeople(audit, planned));
    return 0;
  }

  private static String forPeople(Audit audit, PlannedRound planned) {
    boolean trimmed = planned.trim() > 0;
    boolean relative = planned.isRelative();
    Texts.Table kl =
        new Texts.Table(
            "KL, nats (means over " + Texts.count(audit.getProbes(), "probe") + ")", "");
    if (audit.getCertifiedLower() != null) {
      kl.row("certified from the teacher alone", Texts.number(audit.getCertifiedLower()));
    }
    if (audit.getLower() != null) {
      kl.row("lower bound (L) on the expectation", Texts.number(audit.getLower()));
    }
    kl.row(
        "measured: "
            + (trimmed ? "trimmed mean of" : "mean of")
            + (relative ? "" : " clipped")
            + " logits || teacher",
        Texts.number(audit.getKl())
            + (audit.getKlStandardError() == null
                ? ""
                : " +- " + Texts.number(audit.getKlStandardError())));
    if (audit.getUpper() != null) {
      kl.row(
          relative ? "upper bound, as certified" : "upper bound (U) on the expectation",
          Texts.number(audit.getUpper()));
    }
    if (!relative) {
      kl.row("worst case, for any dither", Texts.number(audit.getWorstCase()));
      kl.row("what clipping alone did", Texts.number(audit.getClipKl()));
    }
    Texts.Table error =
        new Texts.Table(
            relative
                ? "error per coordinate, logits, of a probe up to a constant"
                : "error per coordinate, logits",
            "");
    error.row("mean square, measured", Texts.number(audit.getMse()));
    if (audit.getExpectedMse() != null) {
      error.row("mean square, expected of the steps", Texts.number(audit.getExpectedMse()));
    }
    if (!relative) {
      error.row("bias", Texts.number(audit.getBias()));
    }
    String[] headings = {"node", "budget", "payload", "overhead", "clipped", "step"};
    int columns = relative ? 4 : headings.length;
    Texts.Table nodes = new Texts.Table(Arrays.copyOf(headings, columns));
    for (NodeAudit node : audit.getNodes()) {
      String[] cells = {
        node.getName(),
        Texts.number((double) node.getBitsPerProbe()),
        Texts.number(node.getPayloadBitsPerProbe()),
        Texts.percent(node.getOverhead()),
        Texts.percent(node.getClippedFraction()),
        Texts.number(node.getStep())
      };
      nodes.row(Arrays.copyOf(cells, columns));
    }
    String price = "";
    if (audit.getPrice() != null) {
      Texts.Table weights = new Texts.Table("node", "split by", "L^2/3", "mean square");
      for (NodeAudit node : audit.getNodes()) {
        weights.row(
            node.getName(),
            Texts.number(node.getWeight()),
            Texts.number(node.getChannelWeight()),
            Texts.number(node.getSecondMoment()));
      }
      price =
          String.format(
                  Locale.ROOT,
                  "%nweights of the split, logits^2: as estimated, and as these logits have them;"
                      + " splitting by%nestimates costs a factor %.6f in the published distortion"
                      + " w 4^-b (AM/GM, where no floor%nor cap binds), and not splitting by L^2/3 a"
                      + " factor %.6f%n",
                  audit.getPrice(),
                  audit.getChannelPrice())
              + weights;
    }
    return "Round "
        + audit.getRound()
        + (audit.getUpper() != null || relative
            ? ""
            : "; no error law "
                + (trimmed ? "of a trimmed mean" : "without dither")
                + ": only the worst case is certain")
        + "\n\n"
        + kl
        + "\n"
        + error
        + (relative ? "\nbits per probe\n" : "\nbits per probe, and steps in logits\n")
        + nodes
        + price;
  }
}
