package dev.sluice.transforms.report;

import dev.sluice.schemas.Audit;
import dev.sluice.schemas.Certificate;
import dev.sluice.schemas.Manifest;
import dev.sluice.schemas.Moments;
import dev.sluice.schemas.NodeAccount;
import dev.sluice.schemas.NodeMoments;
import dev.sluice.schemas.NodePlan;
import dev.sluice.schemas.Predicted;
import dev.sluice.schemas.ReasonCount;
import dev.sluice.schemas.RefinedRound;
import dev.sluice.schemas.RejectFile;
import dev.sluice.schemas.RoundPlan;
import dev.sluice.schemas.Split;
import dev.sluice.transforms.report.Page.Section;
import dev.sluice.transforms.report.Series.Kind;
import dev.sluice.transforms.report.Table.Cell;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The page of a committed round, from its plan and its manifest; further documents say more. The
 * manifest's own field 'report' is not read. Of many nodes the page shows those that deserve
 * attention most, so that its size is bounded.
 */
public final class RoundPage {
  /** Most nodes in a chart. */
  static final int IN_CHART = 40;

  /** Most rows of a table. */
  static final int IN_TABLE = 100;

  private static final int NAMED = 5;
  private static final String NATS = "nats";
  private static final String BITS = "bits per coordinate";

  private final RoundPlan plan;
  private final Manifest manifest;
  private final List<Manifest> earlier;
  private final Optional<Audit> audit;
  private final Optional<Moments> moments;
  private final List<Integer> order;

  private RoundPage(
      RoundPlan plan,
      Manifest manifest,
      List<Manifest> earlier,
      Optional<Audit> audit,
      Optional<Moments> moments) {
    this.plan = plan;
    this.manifest = manifest;
    this.earlier = earlier;
    this.audit = audit;
    this.moments = moments;
    this.order = order();
  }

  /**
   * A round by itself.
   *
   * @param plan of the round
   * @param manifest of the same plan: one account for each of its nodes, in its order
   */
  public static RoundPage of(RoundPlan plan, Manifest manifest) {
    return new RoundPage(plan, manifest, List.of(), Optional.empty(), Optional.empty());
  }

  /** With the manifests of rounds that it refines; those missing leave a gap. */
  public RoundPage withEarlier(List<Manifest> manifests) {
    return new RoundPage(plan, manifest, List.copyOf(manifests), audit, moments);
  }

  /** With what an audit measured. */
  public RoundPage withAudit(Audit measured) {
    return new RoundPage(plan, manifest, earlier, Optional.of(measured), moments);
  }

  /** With what the round says about its nodes' logits. */
  public RoundPage withMoments(Moments said) {
    return new RoundPage(plan, manifest, earlier, audit, Optional.of(said));
  }

  /** The page as UTF-8. */
  public byte[] html() {
    return PageRenderer.render(page());
  }

  Page page() {
    Page page = Page.of("Round", "Round " + plan.getId(), lead());
    notices(page);
    facts(page);
    page.add(certificate());
    if (!refined().isEmpty()) {
      page.add(refinement());
    }
    page.add(allocation());
    page.add(health());
    if (rejected() > 0) {
      page.add(rejects());
    }
    moments.ifPresent(said -> page.add(logits(said)));
    return page.source("Plan, SHA-256", manifest.getPlanDigest())
        .source(
            isRelative() ? "Channel" : "Quantizer and clip",
            (isRelative() ? reference() : plan.getQuantizer() + ", " + clip())
                + "; seed "
                + plan.getSeed())
        .source(
            "Teacher",
            Decimals.count(manifest.getTeacher().size(), "shard")
                + ", "
                + average()
                + "s over at least "
                + Decimals.count(manifest.getMinNodes(), "node"))
        .source("Signatures", signatures())
        .source("In full", "plan.json and manifest.json, in the directory above this page's");
  }

  private String signatures() {
    if (manifest.getRevoked() == null) {
      return "none asked for: who sent a block is known by the directory that it lay in";
    }
    return "each block by a key of its node, "
        + (manifest.getRevoked().isEmpty()
            ? "none of them revoked"
            : Decimals.count(manifest.getRevoked().size(), "key") + " revoked");
  }

  // ---- headline ----

  private String lead() {
    Certificate certificate = manifest.getCertificate();
    String heard =
        "The round is complete: a teacher for "
            + Decimals.count(plan.getProbes(), "probe")
            + ", averaged over the logits of "
            + heard()
            + " of "
            + Decimals.count(speaking(), "node")
            + ".";
    if (isRelative()) {
      return heard
          + (certificate.getUpper() == null
              ? " How far its softmax is from that of the exact mean is not certain."
              : " Its softmax is expected to diverge from that of the exact mean by "
                  + nats(certificate.getUpper())
                  + " at most.");
    }
    if (certificate.getUpper() == null) {
      return heard
          + (trim() > 0
              ? " It is a trimmed mean, whose error has no law: "
              : " Without dither there is no error law: ")
          + "all that is certain is that its softmax is within "
          + nats(certificate.getWorstCase())
          + " of that of the exact "
          + average()
          + ", on average over probes.";
    }
    return heard
        + " Its softmax is expected to diverge from that of the exact mean by "
        + nats(certificate.getLower())
        + " at least and "
        + nats(certificate.getUpper())
        + " at most.";
  }

  private void notices(Page page) {
    Certificate certificate = manifest.getCertificate();
    if (trim() > 0) {
      page.notice(
          "At each coordinate the "
              + trim()
              + " lowest and the "
              + trim()
              + " highest of the nodes are left out, so that "
              + trim()
              + " of them, whatever they send, cannot take a logit out of the range of the others."
              + " Such a mean is biased towards the middle of the nodes, and the certificate holds"
              + " its worst case alone.");
    } else if (isRelative() && certificate.getUpper() == null) {
      page.notice(
          "What some node did not send is too much to be said in its codes, so that there is no"
              + " bound. More bits, or a reference closer to its logits, would give one.");
    } else if (certificate.getUpper() == null) {
      page.notice(
          "The quantizer '"
              + plan.getQuantizer()
              + "' has no error law: the certificate holds its worst case alone, and nothing is"
              + " said about the expectation.");
    } else if (certificate.getUpper() >= Math.log(plan.getVocabulary())) {
      page.notice(
          "The upper bound is at or above ln V = "
              + Decimals.of(Math.log(plan.getVocabulary()))
              + " nats, which a uniform guess stays below as well: it promises nothing. More bits"
              + " would.");
    }
    if (rejected() > 0) {
      page.notice(
          Decimals.count(rejected(), "record")
              + (rejected() == 1 ? " was" : " were")
              + " rejected and not used: "
              + reasons().entrySet().stream()
                  .map(reason -> Decimals.count(reason.getValue()) + " " + reason.getKey())
                  .collect(Collectors.joining(", "))
              + ". What and why lies in rejects/.");
    }
    if (manifest.getRevoked() != null && !manifest.getRevoked().isEmpty()) {
      page.notice(
          "Keys were revoked, and what they signed was not used: "
              + manifest.getRevoked().stream()
                  .limit(NAMED)
                  .map(key -> key.getNode() + " (" + key.getNote() + ")")
                  .collect(Collectors.joining(", "))
              + (manifest.getRevoked().size() > NAMED
                  ? " and " + (manifest.getRevoked().size() - NAMED) + " more"
                  : "")
              + ".");
    }
    List<String> gaps =
        manifest.getNodes().stream()
            .filter(node -> node.getMissingBlocks() > 0)
            .map(NodeAccount::getName)
            .toList();
    if (!gaps.isEmpty()) {
      page.notice(
          Decimals.count(gaps.size(), "node")
              + " did not send every block: "
              + named(gaps)
              + ". Where a block is missing, the average is over the others"
              + (refined().isEmpty() ? "" : " and what came before")
              + ", and the certificate counts only what was averaged.");
    }
    if (certificate.getClippedFraction() > 0) {
      page.notice(
          Decimals.percent(certificate.getClippedFraction())
              + " of the coordinates averaged were clipped. The bounds speak of the "
              + average()
              + " of clipped logits; what clipping did to it is not in them, and an audit measures"
              + " it.");
    }
  }

  private void facts(Page page) {
    Certificate certificate = manifest.getCertificate();
    page.fact(
        "Nodes heard",
        heard() + " of " + speaking(),
        plan.getNodes().size() == speaking()
            ? "each block a " + average() + " over at least " + manifest.getMinNodes()
            : (plan.getNodes().size() - speaking()) + " more have no bits in this round");
    if (isRelative() && certificate.getUpper() != null) {
      page.fact(
          "Upper bound on the expected KL",
          nats(certificate.getUpper()),
          "The divergence from the exact mean's softmax to the teacher's, expected over the dither,"
              + " is below this: "
              + nats(certificate.getUnsent())
              + " of it for what was not sent, as its nodes measured it, the rest for the noise of"
              + " what was.");
    } else if (certificate.getUpper() != null) {
      page.fact(
          "Upper bound on the expected KL",
          nats(certificate.getUpper()),
          "The divergence from the exact mean's softmax to the teacher's, expected over the dither,"
              + " is below this whatever the logits are. So the two distributions differ by "
              + Decimals.of(Math.sqrt(certificate.getUpper() / 2))
              + " in total variation at most, on average.");
      page.fact(
          "Lower bound on the expected KL",
          nats(certificate.getLower()),
          "The expectation is above this, as the decoded teacher itself shows.");
    }
    if (certificate.getWorstCase() != null) {
      page.fact(
          "Worst case",
          nats(certificate.getWorstCase()),
          "Holds for every single dither, mean over probes.");
    }
    audit.ifPresent(
        measured ->
            page.fact(
                "Measured KL",
                nats(measured.getKl()),
                measured.getKlStandardError() == null
                    ? "against the raw logits"
                    : "± "
                        + Decimals.of(measured.getKlStandardError())
                        + ", one standard error, against the raw logits"));
    if (certificate.getMeanVariance() != null) {
      page.fact(
          "Error of a teacher logit",
          Decimals.of(Math.sqrt(certificate.getMeanVariance())) + " logits",
          "root mean square over probes and coordinates");
    }
    double codes = total(node -> node.getPayloadBitsPerProbe() * node.getProbes());
    double files = total(node -> node.getUplinkBitsPerProbe() * node.getProbes());
    double coordinates = total(node -> (double) node.getProbes() * plan.getVocabulary());
    page.fact(
        "Codes received",
        bytes(codes / 8),
        Decimals.of(
                coordinates == 0
                    ? 0
                    : codes / coordinates * (isRelative() ? plan.getVocabulary() : 1))
            + (isRelative() ? " bits for a node's probe" : " bits per coordinate")
            + (codes == 0
                ? ""
                : "; headers, copies and rejects add "
                    + Decimals.percent(Math.max(0, files / codes - 1))));
    if (!isRelative()) {
      page.fact(
          "Clipped",
          Decimals.percent(certificate.getClippedFraction()),
          "of the coordinates averaged");
    }
    page.fact(
        "Size",
        Decimals.count(plan.getProbes()) + " × " + Decimals.count(plan.getVocabulary()),
        "probes × vocabulary");
  }

  // ---- certificate ----

  private Section certificate() {
    Certificate certificate = manifest.getCertificate();
    List<String> rows = new ArrayList<>();
    List<Double> values = new ArrayList<>();
    Series bounds = Series.of("between the bounds", Kind.BAND, 0);
    Series points = Series.of("value", Kind.SCATTER, 0);
    Table table =
        Table.of("The certificate, nats, means over probes", "", "quantity", "value", "what it is");
    if (isRelative() && certificate.getUpper() != null) {
      points.add(0, certificate.getUpper());
      rows.add("upper bound");
      values.add(certificate.getUpper());
      line(table, "upper bound", certificate.getUpper(), "above the expectation, these logits");
      line(table, "of it, not sent", certificate.getUnsent(), "as the nodes measured it");
    } else if (certificate.getUpper() != null) {
      rows.add("expected KL");
      bounds.addRange(0, certificate.getLower(), certificate.getUpper());
      values.add(certificate.getLower());
      values.add(certificate.getUpper());
      line(table, "upper bound (U)", certificate.getUpper(), "above the expectation, any logits");
      line(table, "lower bound (L)", certificate.getLower(), "below it, from the teacher alone");
    }
    audit.ifPresent(
        measured -> {
          double error =
              measured.getKlStandardError() == null ? 0 : 2 * measured.getKlStandardError();
          points.add(
              rows.size(), measured.getKl(), measured.getKl() - error, measured.getKl() + error);
          rows.add("measured KL");
          values.add(measured.getKl());
          line(table, "measured KL", measured.getKl(), average() + of() + " logits || teacher");
          if (measured.getKlStandardError() != null) {
            line(table, "its standard error", measured.getKlStandardError(), "over probes");
          }
          if (!isRelative()) {
            line(table, "what clipping did", measured.getClipKl(), "KL, apart from the above");
          }
          line(table, "mean squared error", measured.getMse(), "logits², measured");
          if (measured.getExpectedMse() != null) {
            line(table, "the same, expected", measured.getExpectedMse(), "logits², of the steps");
          }
          line(table, "bias", measured.getBias(), "logits, measured");
        });
    if (plan.getSplit() != null) {
      double predicted = plan.getSplit().getPredicted().getThisSplit();
      points.add(rows.size(), predicted);
      rows.add("predicted by the split");
      values.add(predicted);
      line(table, "predicted by the split", predicted, "above the expectation, before it was sent");
    }
    if (certificate.getWorstCase() != null) {
      points.add(rows.size(), certificate.getWorstCase());
      rows.add("worst case");
      values.add(certificate.getWorstCase());
      line(table, "worst case", certificate.getWorstCase(), "above every realisation");
    }
    if (certificate.getMeanVariance() != null) {
      line(table, "error variance", certificate.getMeanVariance(), "logits², of a teacher logit");
    }
    Section section =
        Section.of("certificate", "Certificate")
            .say(
                "How far the softmax of the teacher is from that of the exact "
                    + average()
                    + " of the nodes'"
                    + (isRelative() ? "" : " clipped")
                    + " logits. "
                    + basis(certificate));
    if (!values.isEmpty() && values.stream().allMatch(value -> value > 0)) {
      section.show(
          Chart.of(
                  "certificate-kl",
                  "What is certain about the divergence",
                  (isRelative()
                          ? "Dots are single values"
                          : "The shaded bar spans the bounds on the expectation; dots are single"
                              + " values")
                      + (audit.isPresent() ? ", the measured one with ± 2 standard errors." : "."),
                  Axis.categories("quantity", rows),
                  Axis.log("KL divergence", NATS))
              .add(bounds)
              .add(points));
    }
    return section.show(table);
  }

  /** What the certificate rests on. */
  private String basis(Certificate certificate) {
    if (isRelative()) {
      return "The bound on the noise follows from the dither alone; that on what was not sent, from"
          + " what each node has measured of its own logits and says in its codes.";
    }
    if (certificate.getUpper() != null) {
      return "The bounds follow from the dither alone, not from a model of the logits.";
    }
    return (trim() > 0
            ? "The error of a trimmed mean follows no known law"
            : "Without dither the errors follow no known law")
        + ", and only the worst case is certain.";
  }

  /** Of which logits. */
  private String of() {
    return isRelative() ? " of" : " of clipped";
  }

  private boolean isRelative() {
    return plan.getReference() != null;
  }

  private String reference() {
    String sha256 = plan.getReference().getSha256();
    return "reference, "
        + (sha256 == null ? "uniform" : "reference.npy of SHA-256 " + sha256)
        + ", kappa "
        + Decimals.of(plan.getReference().getKappa());
  }

  private static void line(Table table, String name, double value, String meaning) {
    table.row(Cell.text(name), Cell.number(value), Cell.text(meaning));
  }

  // ---- refinement ----

  private Section refinement() {
    Series bounds = Series.of("between the bounds", Kind.BAND, 0);
    Series upper = Series.of("upper bound (U)", Kind.LINE, 0);
    Series lower = Series.of("lower bound (L)", Kind.LINE, 1);
    Series measured = Series.of("measured", Kind.SCATTER, 2);
    Table table =
        Table.of(
            "Rounds of this refinement",
            "A round whose manifest was not at hand shows its bits alone.",
            "round",
            "bits per coordinate, mean over nodes",
            "sent so far",
            "upper bound (nats)",
            "lower bound (nats)",
            "worst case (nats)");
    Map<String, Manifest> known = new HashMap<>();
    earlier.forEach(one -> known.put(one.getPlanDigest(), one));
    double sent = 0;
    for (RefinedRound round : refined()) {
      double bits = mean(round.getBitsPerCoordinate());
      sent += bits;
      Manifest one = known.get(round.getPlanDigest());
      step(
          round.getId(),
          bits,
          sent,
          one == null ? null : one.getCertificate(),
          table,
          bounds,
          upper,
          lower);
    }
    double bits = mean(plan.getNodes().stream().map(NodePlan::getBitsPerCoordinate).toList());
    sent += bits;
    step(plan.getId(), bits, sent, manifest.getCertificate(), table, bounds, upper, lower);
    double last = sent;
    audit.ifPresent(
        found -> {
          Double error = found.getKlStandardError();
          measured.add(
              last,
              found.getKl(),
              error == null ? null : Double.valueOf(found.getKl() - 2 * error),
              error == null ? null : Double.valueOf(found.getKl() + 2 * error));
        });
    Section section =
        Section.of("refinement", "Refinement")
            .say(
                "This round sends the next digits of logits of which "
                    + Decimals.count(refined().size(), "earlier round")
                    + " sent the first: "
                    + refined().stream().map(RefinedRound::getId).collect(Collectors.joining(", "))
                    + ".");
    if (!upper.points().isEmpty()) {
      section.show(
          Chart.of(
                  "refinement-kl",
                  "Divergence by round",
                  "Bounds on the expected divergence after each round, against the bits sent until"
                      + " then. Each further bit per coordinate divides them by about four."
                      + (audit.isPresent() ? " The measured value has ± 2 standard errors." : ""),
                  Axis.linear("bits sent so far, mean over nodes", BITS),
                  Axis.log("expected KL", NATS))
              .add(bounds)
              .add(upper)
              .add(lower)
              .add(measured));
    }
    return section.show(table);
  }

  private static void step(
      String id,
      double bits,
      double sent,
      Certificate certificate,
      Table table,
      Series bounds,
      Series upper,
      Series lower) {
    boolean bounded =
        certificate != null && certificate.getUpper() != null && certificate.getLower() != null;
    if (bounded) {
      bounds.addRange(sent, certificate.getLower(), certificate.getUpper());
      upper.add(sent, certificate.getUpper());
      lower.add(sent, certificate.getLower());
    }
    table.row(
        Cell.text(id),
        Cell.number(bits),
        Cell.number(sent),
        Cell.number(bounded ? certificate.getUpper() : null),
        Cell.number(bounded ? certificate.getLower() : null),
        Cell.number(certificate == null ? null : certificate.getWorstCase()));
  }

  // ---- allocation ----

  private Section allocation() {
    Split split = plan.getSplit();
    List<Integer> shown = first(IN_CHART);
    Axis names = names(shown);
    double even = mean(plan.getNodes().stream().map(NodePlan::getBitsPerCoordinate).toList());
    Series bits = Series.of("this round", Kind.BAR, 0);
    Series before = Series.of("rounds refined, together", Kind.SCATTER, 1);
    for (int i = 0; i < shown.size(); i++) {
      int node = shown.get(i);
      bits.add(i, plan.getNodes().get(node).getBitsPerCoordinate());
      if (!refined().isEmpty()) {
        before.add(
            i, refined().stream().mapToDouble(r -> r.getBitsPerCoordinate().get(node)).sum());
      }
    }
    double budget = split == null ? even : split.getTotalBitsPerCoordinate() / nodes();
    Section section =
        Section.of("allocation", "Allocation")
            .say(
                split == null
                    ? "The plan sets each node's bits; no budget was divided among them."
                    : split(split));
    section.show(
        Chart.of(
                "allocation-bits",
                "Bits for each node",
                (split == null
                        ? "Bits per coordinate that the plan gives each node; the line is their mean."
                        : "Bits per coordinate of this split; the line is what each would have if"
                            + " the same budget were divided evenly.")
                    + leftOut(shown),
                names,
                Axis.linear("budget", BITS))
            .add(bits)
            .add(before)
            .target(split == null ? "mean over nodes" : "evenly", budget));
    if (split != null) {
      Series weights = Series.of("weight", Kind.SCATTER, 2);
      for (int i = 0; i < shown.size(); i++) {
        weights.add(i, split.getNodeWeights().get(shown.get(i)));
      }
      section.show(
          Chart.of(
                  "allocation-weights",
                  "Weights that it was split by",
                  "Four times the weight earns about one more bit." + leftOut(shown),
                  names,
                  Axis.fitting(
                      "weight",
                      "logits²",
                      weights.points().stream().mapToDouble(Series.Point::value).toArray()))
              .add(weights));
      Predicted predicted = split.getPredicted();
      Table table =
          Table.of(
              "What dividing the same budget is predicted to cost",
              "The bandwidth term, an upper bound on the expected KL before anything is sent.",
              "division",
              "predicted (nats)",
              "times this split");
      cost(table, "this split", predicted.getThisSplit(), predicted.getThisSplit());
      cost(table, "evenly", predicted.getUniform(), predicted.getThisSplit());
      cost(table, "inversely to the weights", predicted.getInverse(), predicted.getThisSplit());
      section.show(table);
    }
    return section;
  }

  private static void cost(Table table, String name, Double cost, double ours) {
    table.row(
        Cell.text(name),
        Cell.number(cost),
        Cell.number(cost == null || ours <= 0 ? null : Double.valueOf(cost / ours)));
  }

  private String split(Split split) {
    double spent = plan.getNodes().stream().mapToDouble(NodePlan::getBitsPerCoordinate).sum();
    Double uniform = split.getPredicted().getUniform();
    double cost = split.getPredicted().getThisSplit();
    return "Divided by "
        + split.getPolicy()
        + " on "
        + switch (split.getWeights()) {
          case "clip" -> "the nodes' ranges (L²/3)";
          case "second-moment" -> "the second moments of their logits";
          case "residual" -> "the error that each has left";
          default -> split.getWeights();
        }
        + ": "
        + Decimals.of(spent)
        + " of "
        + Decimals.of(split.getTotalBitsPerCoordinate())
        + " bits per coordinate, over all nodes, are spent."
        + (uniform == null || cost <= 0
            ? ""
            : " Evenly divided, the same budget is predicted to cost "
                + Decimals.of(uniform / cost)
                + " times as much.");
  }

  // ---- nodes ----

  private Section health() {
    List<Integer> shown = first(IN_CHART);
    Axis names = names(shown);
    Series received = Series.of("received", Kind.BAR, 0);
    Series budget = Series.of("budget", Kind.SCATTER, 0);
    Series codes = Series.of("codes", Kind.SCATTER, 1);
    Series files = Series.of("whole files", Kind.SCATTER, 2);
    Series clipped = Series.of("clipped", Kind.BAR, 3);
    double v = plan.getVocabulary();
    for (int i = 0; i < shown.size(); i++) {
      NodeAccount node = manifest.getNodes().get(shown.get(i));
      if (node.getBitsPerProbe() > 0) {
        received.add(i, 100 * share(node));
        budget.add(i, node.getBitsPerProbe() / v);
      }
      if (node.getPayloadBitsPerProbe() > 0) {
        codes.add(i, node.getPayloadBitsPerProbe() / v);
        files.add(i, node.getUplinkBitsPerProbe() / v);
      }
      clipped.add(i, 100 * node.getClippedFraction());
    }
    Section section = Section.of("nodes", "Nodes");
    section.say(
        manifest.getNodes().stream().allMatch(n -> n.getMissingBlocks() == 0)
            ? "Every node that was asked sent every block."
            : "Not every block came: see the first chart, and the column of missing blocks.");
    if (!received.points().isEmpty()) {
      section.show(
          Chart.of(
                  "nodes-received",
                  "Probes received",
                  "The share of its probes that came from each node and was used, by blocks."
                      + leftOut(shown),
                  names,
                  Axis.linear("received of expected", "%"))
              .add(received)
              .target("all", 100));
    }
    if (!codes.points().isEmpty()) {
      section.show(
          Chart.of(
                  "nodes-bits",
                  "Bits spent",
                  "What the plan allows each node, what its codes took, and what its uplink files"
                      + " took with headers, checksums, copies and rejects."
                      + leftOut(shown),
                  names,
                  Axis.linear("spent", BITS))
              .add(budget)
              .add(codes)
              .add(files));
    }
    if (manifest.getNodes().stream().anyMatch(node -> node.getClippedFraction() > 0)) {
      section.show(
          Chart.of(
                  "nodes-clipped",
                  "Clipped",
                  "The share of each node's coordinates that lay beyond its clip level and were"
                      + " moved to it."
                      + leftOut(shown),
                  names,
                  Axis.linear("clipped coordinates", "%"))
              .add(clipped));
    } else {
      section.say(
          isRelative() ? "In this channel nothing is clipped." : "No coordinate was clipped.");
    }
    return section.show(nodeTable());
  }

  private Table nodeTable() {
    List<Integer> shown = first(IN_TABLE);
    List<String> headings =
        new ArrayList<>(
            List.of(
                "node",
                isRelative() ? "budget, bits per probe" : "bits per coordinate",
                "probes averaged",
                "probes asked for",
                "blocks missing",
                "copies",
                "rejects",
                "overhead"));
    if (isRelative()) {
      headings.add("sent, bits per probe");
    } else {
      headings.addAll(List.of("clipped", "clip level, mean (logits)", "step, mean (logits)"));
    }
    Table table =
        Table.of("Account of each node", leftOut(shown).trim(), headings.toArray(new String[0]));
    for (int index : shown) {
      NodeAccount node = manifest.getNodes().get(index);
      List<Cell> cells =
          new ArrayList<>(
              List.of(
                  Cell.text(node.getName()),
                  isRelative()
                      ? Cell.count(node.getBitsPerProbe())
                      : Cell.number(node.getBitsPerCoordinate()),
                  Cell.count(node.getProbes()),
                  Cell.count(node.getBitsPerProbe() > 0 ? plan.getProbes() : 0),
                  Cell.count(node.getMissingBlocks()),
                  Cell.count(node.getDuplicateBlocks()),
                  Cell.count(node.getRejects()),
                  Cell.percent(node.getOverhead())));
      if (isRelative()) {
        cells.add(Cell.number(node.getUplinkBitsPerProbe()));
      } else {
        cells.add(Cell.percent(node.getClippedFraction()));
        cells.add(Cell.number(node.getMeanClip()));
        cells.add(Cell.number(node.getMeanStep()));
      }
      table.row(cells.toArray(new Cell[0]));
    }
    return table;
  }

  private Section rejects() {
    Map<String, Long> counts = reasons();
    List<String> reasons = new ArrayList<>(counts.keySet());
    Series records = Series.of("records", Kind.BAR, 3);
    for (int i = 0; i < reasons.size(); i++) {
      records.add(i, counts.get(reasons.get(i)));
    }
    List<RejectFile> files =
        manifest.getRejects().stream()
            .sorted(
                Comparator.comparingLong(RejectFile::getRecords)
                    .reversed()
                    .thenComparing(RejectFile::getNode))
            .toList();
    Table table =
        Table.of(
            "Rejects by directory and reason",
            files.size() <= IN_TABLE
                ? ""
                : "The "
                    + IN_TABLE
                    + " directories with most rejects; "
                    + Decimals.count(files.size() - IN_TABLE)
                    + " more are in manifest.json.",
            "directory",
            "reason",
            "records");
    for (RejectFile file : files.subList(0, Math.min(IN_TABLE, files.size()))) {
      for (ReasonCount reason : file.getByReason()) {
        table.row(
            Cell.text(file.getNode()),
            Cell.text(reason.getReason()),
            Cell.count(reason.getCount()));
      }
    }
    return Section.of("rejects", "Rejects")
        .say(
            "Records that came and were not used. Each lies in rejects/ with its reason, the file"
                + " it came in and the place there.")
        .show(
            Chart.of(
                    "rejects-reasons",
                    "Rejects by reason",
                    "Records of all directories together.",
                    Axis.categories("reason", reasons),
                    Axis.linear("records", ""))
                .add(records))
        .show(table);
  }

  private Section logits(Moments said) {
    List<NodeMoments> first =
        said.getNodes().subList(0, Math.min(IN_TABLE, said.getNodes().size()));
    Table table =
        Table.of(
            "Moments of the nodes' logits",
            first.size() == said.getNodes().size()
                ? ""
                : Decimals.count(said.getNodes().size() - first.size(), "more node")
                    + ": see moments.json.",
            "node",
            "probes",
            "second moment (logits²)",
            "dither variance (logits²)",
            "mean (logits)",
            "smallest (logits)",
            "largest (logits)");
    for (NodeMoments node : first) {
      table.row(
          Cell.text(node.getName()),
          Cell.count(node.getProbes()),
          Cell.number(node.getSecondMoment()),
          Cell.number(node.getDitherVariance()),
          Cell.number(node.getMean()),
          Cell.number(node.getMin()),
          Cell.number(node.getMax()));
    }
    return Section.of("logits", "Logits")
        .say(
            "As reconstructed from the codes, the dither's variance taken off. The teacher's second"
                + " moment is "
                + Decimals.of(said.getTeacherSecondMoment())
                + " logits²"
                + (said.getSpread() == null
                    ? "."
                    : "; between nodes a logit varies by "
                        + Decimals.of(said.getSpread())
                        + " logits²."))
        .show(table);
  }

  // ---- what the documents say ----

  private List<RefinedRound> refined() {
    return plan.getRefines() == null ? List.of() : plan.getRefines();
  }

  private int nodes() {
    return plan.getNodes().size();
  }

  private int trim() {
    return manifest.getAverage() == null ? 0 : manifest.getAverage().getTrim();
  }

  private String average() {
    return trim() > 0 ? "trimmed mean" : "mean";
  }

  private long speaking() {
    return plan.getNodes().stream().filter(node -> node.getBitsPerProbe() > 0).count();
  }

  private long heard() {
    return manifest.getNodes().stream()
        .filter(node -> node.getBitsPerProbe() > 0 && node.getBlocks() > 0)
        .count();
  }

  private long rejected() {
    return manifest.getRejects().stream().mapToLong(RejectFile::getRecords).sum();
  }

  private Map<String, Long> reasons() {
    Map<String, Long> counts = new TreeMap<>();
    for (RejectFile file : manifest.getRejects()) {
      file.getByReason().forEach(one -> counts.merge(one.getReason(), one.getCount(), Long::sum));
    }
    return counts;
  }

  private double total(ToDoubleFunction<NodeAccount> amount) {
    return manifest.getNodes().stream().mapToDouble(amount).reduce(0, Double::sum);
  }

  /** Blocks used of those asked for. */
  private static double share(NodeAccount node) {
    int asked = node.getBlocks() + node.getMissingBlocks();
    return asked == 0 ? 0 : (double) node.getBlocks() / asked;
  }

  private String clip() {
    Double level = plan.getClip().getLevel();
    return "clip '"
        + plan.getClip().getPolicy()
        + "'"
        + (level == null ? "" : " at " + Decimals.of(level) + " logits");
  }

  // ---- which nodes ----

  /** The plan's order; of many nodes those first that lack most, then by rejects and clipping. */
  private List<Integer> order() {
    List<Integer> all = IntStream.range(0, nodes()).boxed().collect(Collectors.toList());
    if (nodes() > IN_CHART) {
      List<NodeAccount> accounts = manifest.getNodes();
      all.sort(
          Comparator.comparingInt((Integer i) -> -accounts.get(i).getMissingBlocks())
              .thenComparing(i -> -accounts.get(i).getRejects())
              .thenComparing(i -> -accounts.get(i).getClippedFraction())
              .thenComparing(i -> i));
    }
    return all;
  }

  private List<Integer> first(int most) {
    return order.subList(0, Math.min(most, order.size()));
  }

  private Axis names(List<Integer> shown) {
    return Axis.categories(
        "node", shown.stream().map(i -> plan.getNodes().get(i).getName()).toList());
  }

  private String leftOut(List<Integer> shown) {
    return shown.size() == nodes()
        ? ""
        : " "
            + shown.size()
            + " of "
            + Decimals.count(nodes())
            + " nodes are shown, those first that lack most or had most rejected or clipped; the"
            + " whole is in manifest.json.";
  }

  private static String named(List<String> names) {
    return names.stream().limit(NAMED).collect(Collectors.joining(", "))
        + (names.size() > NAMED ? " and " + Decimals.count(names.size() - NAMED) + " more" : "");
  }

  // ---- words ----

  private static String nats(double value) {
    return Decimals.of(value) + "\u00a0nats";
  }

  private static String bytes(double bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    double value = bytes;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return Decimals.of(Math.round(value * 100) / 100.0) + "\u00a0" + units[unit];
  }

  private static double mean(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).reduce(0, Double::sum) / values.size();
  }
}
