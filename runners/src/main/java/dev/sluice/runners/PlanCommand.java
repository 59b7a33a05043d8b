package dev.sluice.runners;

import dev.sluice.schemas.Average;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.ReferencePlan;
import dev.sluice.schemas.RevokedKey;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.comparison.BiasWarnings;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.BadPlanException;
import dev.sluice.transforms.round.KeyRevocations;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlanSeal;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.trust.VerifyingKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The hub's first step. */
@Command(
    name = "plan",
    description = {
      "Write a round's plan.json: who sends how many bits about which probes.",
      "The hub runs it once and gives plan.json to every site. Uplinks carry the plan's digest and"
          + " count under no other plan."
    })
final class PlanCommand extends SluiceCommand {
  private static final Pattern VALUE_OF_NODE =
      Pattern.compile("(?:nodes|clip\\.levels)\\[(\\d+)\\](?!\\.name).*");

  @Option(
      names = "--round",
      required = true,
      paramLabel = "DIR",
      description = "Round directory; created if it is not there.")
  private String round;

  @Option(
      names = "--id",
      required = true,
      paramLabel = "ID",
      description =
          "Round id, 1 to 64 of [A-Za-z0-9._-]. It keys the dither: a new round needs a new id,"
              + " else its errors repeat the old round's.")
  private String id;

  @Option(
      names = "--nodes",
      paramLabel = "N0,N1,..",
      description =
          "The sites' names, in the order in which every list of nodes is written; or @FILE, one"
              + " name a line.")
  private String nodes;

  @Option(
      names = "--probes",
      paramLabel = "M",
      description = "Number of public probe contexts: rows of every site's logits.")
  private Long probes;

  @Option(
      names = "--vocab",
      paramLabel = "V",
      description = "Logits per probe, 2 to 1048576: columns of every site's logits.")
  private Integer vocabulary;

  @Option(
      names = "--bits-per-coordinate",
      paramLabel = "B[,N=B..]",
      description =
          "Bits per logit, 1 to 16, fractions welcome, or 0 for a node that is silent this round;"
              + " then exceptions by node, as in 4,n0=8,n3=2.5. A probe costs floor(B*V) bits at"
              + " most; one bit more quarters a node's error variance.")
  private String bits;

  @Option(
      names = "--clip",
      paramLabel = "auto|probe|L[,N=L..]",
      description =
          "How far from its probe's midrange a logit may lie, in logits; beyond, it is moved there."
              + " auto: as far as the node's own data reach, nothing is clipped. probe: the same"
              + " for each probe, for 16 of its bits. A number: that far, for every node, then"
              + " exceptions by node, as in 8,n2=2; the certificate is then known beforehand."
              + " Default: auto.")
  private String clip;

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "Seed of the run, 64 bits; with the id it keys the dither. Default: 0.")
  private Long seed;

  @Option(
      names = "--quantizer",
      paramLabel = "dither|dither-paper|midrise",
      description =
          "dither: within the budget, errors uniform and independent. dither-paper: 2^b+1 levels,"
              + " above the budget: log2(ceil(2^b)+1) bits per coordinate. midrise: no dither, so"
              + " only the worst case is certified. Default: dither.")
  private String quantizer;

  @Option(
      names = "--channel",
      paramLabel = "logits|reference",
      description =
          "logits: as they are, clipped, each with the same bits. reference: relative to a public"
              + " reference, with bits where it is probable, entropy coded; for far fewer bits."
              + " Default: logits.")
  private String channel;

  @Option(
      names = "--reference",
      paramLabel = "FILE|DIR",
      description =
          "With --channel reference: .npy with a row of logits for each probe, such as the base"
              + " model's; or the directory of a committed round, whose teacher is taken. It is"
              + " copied to reference.npy beside plan.json, and every site needs both. --probes and"
              + " --vocab follow from it. Default: uniform, no file.")
  private String reference;

  @Option(
      names = "--per-node",
      description =
          "With --reference DIR, a round of the reference channel: each node's logits are sent"
              + " relative to what the hub knows of them from that round, which it writes to"
              + " reference-NODE.npy for that node and no other; the public reference is their"
              + " mean.")
  private boolean perNode;

  @Option(
      names = "--bits-per-probe",
      paramLabel = "B[,N=B..]",
      description =
          "With --channel reference: bits that a node's uplink files may take for a probe, headers"
              + " and all, on average; or 0 for a node that is silent this round; then exceptions"
              + " by node, as in 2000,n0=500.")
  private String bitsPerProbe;

  @Option(
      names = "--kappa",
      paramLabel = "X",
      description =
          "With --channel reference: coordinates are sent where their weighted power is at least X"
              + " times the water level, 1/16 to 64. More leaves out more of the tail for finer"
              + " steps before it. Default: 1.")
  private Double kappa;

  @Option(
      names = "--average",
      paramLabel = "mean|trimmed-mean",
      description =
          "mean: of all nodes, with a certificate of its expected error. trimmed-mean: at each"
              + " coordinate without the --trim lowest and the --trim highest, so that as many nodes"
              + " that send anything at all cannot take a logit out of the range of the others;"
              + " biased, and only its worst case is certified. Default: mean; with --refines, the"
              + " refined round's.")
  private String average;

  @Option(
      names = "--trim",
      paramLabel = "F",
      description =
          "With --average trimmed-mean: nodes left out at either end, 1 or more; at least 2F+1 must"
              + " send each block.")
  private Integer trim;

  @Option(
      names = "--probe-set",
      paramLabel = "FILE",
      description =
          "The probes; their SHA-256 goes in the plan, and a site must show the same file.")
  private String probeSet;

  @Option(
      names = "--tokenizer",
      paramLabel = "FILE",
      description =
          "The tokenizer; its SHA-256 goes in the plan, and a site must show the same file.")
  private String tokenizer;

  @Option(
      names = "--from",
      paramLabel = "WARMUP_DIR",
      description =
          "With --allocation: a round like this one, with its bits divided as the allocation says."
              + " Nodes, probes, vocabulary, clip, quantizer, seed and digests are that round's;"
              + " all but nodes and vocabulary can be said anew. Where its clip levels were fixed,"
              + " those of the allocation take their place.")
  private String from;

  @Option(
      names = "--allocation",
      paramLabel = "FILE",
      description = "What 'sluice allocate --round WARMUP_DIR' wrote.")
  private String allocation;

  @Option(
      names = "--refines",
      paramLabel = "DIR",
      description =
          "A committed round whose teacher this one makes finer: each site sends the next digits of"
              + " the same logits. Everything but the bits is that round's. --bits-per-coordinate"
              + " says them; else they are divided by water-filling over what error is left.")
  private String refines;

  @Option(
      names = "--total-bits-per-coordinate",
      paramLabel = "R",
      description =
          "With --refines: bits per logit to divide, summed over nodes. Default: what the refined"
              + " round had.")
  private Double total;

  @Option(
      names = "--keys",
      paramLabel = "DIR",
      description =
          "Directory with NODE.pub of every node, as keygen wrote it: the round is signed, and"
              + " blocks count only under a signature of their node. A file may hold up to four"
              + " keys one after the other, so that a new one can come before the old one goes."
              + " Default: with --from or --refines that round's keys without those revoked, else"
              + " none.")
  private String keys;

  @Option(
      names = "--sign",
      paramLabel = "FILE",
      description =
          "The hub's private key, as keygen wrote it, its .pub beside it: plan.sig is written, by"
              + " which sites know the plan for the hub's. Default: no plan.sig, and one that is"
              + " there is deleted.")
  private String sign;

  @Option(
      names = "--force",
      description =
          "Replace a different plan. Uplinks encoded under it become rejects (wrong-plan) until the"
              + " sites encode again.")
  private boolean force;

  @Override
  public Integer call() throws IOException {
    RoundDirectory directory = Locations.inputs(round);
    Optional<KeyFiles.Pair> hub =
        sign == null ? Optional.empty() : Optional.of(KeyFiles.pair(sign));
    Optional<PublicReference> copied = reference(directory);
    try {
      return write(directory, hub, copied);
    } finally {
      if (copied.isPresent()) {
        copied.get().discard();
      }
    }
  }

  /** A copy of the reference, aside. */
  private Optional<PublicReference> reference(RoundDirectory directory) throws IOException {
    boolean relative = "reference".equals(channel);
    if (!relative && channel != null && !channel.equals("logits")) {
      throw usage("--channel: found '" + channel + "', expected logits or reference");
    }
    if (!relative) {
      refuse(
          "--channel logits",
          "--reference",
          reference,
          "--bits-per-probe",
          bitsPerProbe,
          "--kappa",
          kappa,
          "--per-node",
          perNode ? true : null);
      return Optional.empty();
    }
    String beside = "--channel reference";
    refuse(beside, "--bits-per-coordinate", bits, "--clip", clip, "--quantizer", quantizer);
    refuse(
        beside, "--average", average, "--trim", trim, "--from", from, "--allocation", allocation);
    refuse(beside, "--refines", refines, "--total-bits-per-coordinate", total);
    require("--nodes", nodes);
    require("--bits-per-probe", bitsPerProbe);
    if (kappa != null && !Double.isFinite(kappa)) {
      throw usage("--kappa: found " + kappa + ", expected a number");
    }
    if (perNode && !Locations.isLocalDirectory(Locations.of(reference == null ? "" : reference))) {
      throw usage("--per-node needs --reference DIR, a committed round of the reference channel");
    }
    if (reference == null) {
      require("--probes", probes);
      require("--vocab", vocabulary);
      return Optional.empty();
    }
    PublicReference copied =
        perNode
            ? PublicReference.perNode(reference, directory)
            : PublicReference.copy(reference, directory);
    if ((probes != null && probes != copied.probes())
        || (vocabulary != null && vocabulary != copied.vocabulary())) {
      copied.discard();
      throw new BadInputException(
          reference
              + ": found shape ("
              + copied.probes()
              + ", "
              + copied.vocabulary()
              + "), expected ("
              + (probes == null ? copied.probes() : probes)
              + ", "
              + (vocabulary == null ? copied.vocabulary() : vocabulary)
              + ") as --probes and --vocab say");
    }
    probes = copied.probes();
    vocabulary = copied.vocabulary();
    return Optional.of(copied);
  }

  private Integer write(
      RoundDirectory directory, Optional<KeyFiles.Pair> hub, Optional<PublicReference> copied)
      throws IOException {
    PlannedRound planned = finished(keyed(draft(directory, copied)));
    byte[] json = planned.json();
    boolean replaced = false;
    if (Storage.find(directory.plan()).isPresent()) {
      byte[] there = Storage.read(directory.plan(), PlainJson.MAX_BYTES);
      replaced = !Arrays.equals(there, json);
      if (replaced && !force) {
        throw new BadInputException(
            directory.plan()
                + ": a different plan is there. With --force it is replaced, and uplinks encoded"
                + " under it become rejects (wrong-plan) until the sites encode again");
      }
    }
    List<RevokedKey> revoked =
        planned.isSigned() ? KeyRevocations.all(directory) : List.of(); // of plans before it too
    Storage.deleteIfExists(directory.planSignature()); // at no time beside a plan not signed
    if (copied.isPresent()) {
      copied.get().commit(planned, directory);
    }
    Storage.replace(directory.plan(), json);
    PublicReference.deleteOthers(planned, directory);
    if (!revoked.isEmpty()) {
      KeyRevocations.write(planned, directory, revoked);
    } else {
      Storage.deleteIfExists(directory.revocations());
    }
    if (hub.isPresent()) {
      Storage.replace(
          directory.planSignature(),
          PlanSeal.sign(planned, hub.get().signing(), hub.get().verifying()));
    }
    out().print(Reports.plan(planned));
    out().println("written to " + directory.plan());
    if (!planned.quantizer().isDithered()) {
      List<String> biased = List.of(planned.quantizer().label());
      BiasWarnings.of(biased, biased, planned.vocabulary(), planned.nodes().size())
          .forEach(warning -> err().println("sluice: warning: " + warning));
    }
    if (hub.isPresent()) {
      out().println("signed by key " + hub.get().verifying());
    }
    for (RevokedKey key : RoundRunner.plan(directory).revoked()) {
      err().println("sluice: a key of '" + key.getNode() + "' in this plan stays revoked");
    }
    if (replaced) {
      err().println("sluice: replaced a different plan; uplinks encoded under it are rejects now");
    }
    return ExitCodes.OK;
  }

  /** With the keys of a directory, or of the round that this one follows. */
  private PlanDraft keyed(PlanDraft draft) throws IOException {
    String follows = from != null ? from : refines;
    Optional<PlannedRound> earlier =
        follows == null
            ? Optional.empty()
            : Optional.of(RoundRunner.plan(Locations.round(follows)));
    if (keys != null) {
      Map<String, List<String>> registry = KeyFiles.registry(keys, draft.names());
      if (earlier.isPresent()) {
        refuseRevoked(registry, earlier.get());
      }
      return draft.withKeys(registry);
    }
    if (earlier.isEmpty() || !earlier.get().isSigned()) {
      return draft;
    }
    Map<String, List<String>> carried = new HashMap<>();
    for (int node = 0; node < earlier.get().nodes().size(); node++) {
      String name = earlier.get().nodes().get(node).getName();
      List<VerifyingKey> valid = earlier.get().keyRing(node).valid();
      if (valid.isEmpty()) {
        throw new BadInputException(
            earlier.get().source()
                + ": all keys of node '"
                + name
                + "' are revoked there; --keys gives it new ones");
      }
      carried.put(name, valid.stream().map(VerifyingKey::base64).toList());
    }
    return draft.withKeys(carried);
  }

  private void refuseRevoked(Map<String, List<String>> registry, PlannedRound earlier)
      throws BadInputException {
    for (RevokedKey gone : earlier.revoked()) {
      for (Map.Entry<String, List<String>> node : registry.entrySet()) {
        if (node.getValue().contains(gone.getKey())) {
          throw new BadInputException(
              keys
                  + ": "
                  + node.getKey()
                  + KeyFiles.PUBLIC
                  + " has a key of '"
                  + gone.getNode()
                  + "' that was revoked in round '"
                  + earlier.plan().getId()
                  + "'");
        }
      }
    }
  }

  /** A wrong value is the command line's fault where it came from there. */
  private PlannedRound finished(PlanDraft draft) throws IOException {
    try {
      return draft.finish("plan");
    } catch (BadPlanException e) {
      if (e.field().contains("].keys") && keys != null) {
        Matcher key = VALUE_OF_NODE.matcher(e.field());
        throw new BadInputException(
            keys
                + (key.matches()
                    ? "/" + draft.names().get(Integer.parseInt(key.group(1))) + KeyFiles.PUBLIC
                    : "")
                + ": "
                + e.detail(),
            e);
      }
      String option = option(e.field(), draft.names().isEmpty());
      if (option == null) {
        throw e;
      }
      if (option.equals("--nodes")) {
        throw wrongNodes(e.detail());
      }
      Matcher value = VALUE_OF_NODE.matcher(e.field());
      String whose =
          value.matches()
              ? "node '" + draft.names().get(Integer.parseInt(value.group(1))) + "': "
              : "";
      throw usage(option + ": " + whose + e.detail());
    }
  }

  /** The option that a field of the plan was taken from; null where an earlier round said it. */
  private String option(String field, boolean noNodes) {
    if (field.endsWith(".name") || (field.equals("nodes") && noNodes)) {
      return nodes == null ? null : "--nodes";
    }
    if (field.equals("id") || field.endsWith("].id")) {
      return "--id"; // which can be wrong by being a refined round's
    }
    if (field.startsWith("nodes")) {
      return bitsPerProbe != null
          ? "--bits-per-probe"
          : bits == null ? null : "--bits-per-coordinate";
    }
    if (field.startsWith("clip")) {
      return clip == null ? null : "--clip";
    }
    return switch (field) {
      case "reference.kappa" -> kappa == null ? null : "--kappa";
      case "probes" -> probes == null ? null : "--probes";
      case "vocabulary" -> vocabulary == null ? null : "--vocab";
      case "quantizer" -> quantizer == null ? null : "--quantizer";
      case "average.trim" -> trim == null ? null : "--trim";
      case "seed" -> seed == null && (from != null || refines != null) ? null : "--seed";
      default -> null;
    };
  }

  private PlanDraft draft(RoundDirectory directory, Optional<PublicReference> copied)
      throws IOException {
    if ("reference".equals(channel)) {
      return relative(copied);
    }
    if (from != null || allocation != null) {
      if (from == null || allocation == null || refines != null) {
        throw usage("--from and --allocation go together, and without --refines");
      }
      refuse("--from", "--nodes", nodes, "--vocab", vocabulary, "--bits-per-coordinate", bits);
      refuse("--from", "--total-bits-per-coordinate", total);
      return overridden(SuccessorPlan.allocated(Locations.round(from), directory, allocation, id));
    }
    if (refines != null) {
      refuse("--refines", "--nodes", nodes, "--vocab", vocabulary, "--probes", probes);
      refuse("--refines", "--clip", clip, "--quantizer", quantizer, "--seed", seed);
      refuse("--refines", "--average", average, "--trim", trim);
      refuse("--refines", "--probe-set", probeSet, "--tokenizer", tokenizer);
      if (bits != null && total != null) {
        throw usage("--bits-per-coordinate and --total-bits-per-coordinate exclude each other");
      }
      if (total != null && !(total >= 1 && total < Double.POSITIVE_INFINITY)) {
        throw usage(
            "--total-bits-per-coordinate: found "
                + total
                + ", expected a number, at least 1, the least that a node can send");
      }
      SuccessorPlan.Refinement refinement =
          SuccessorPlan.refining(Locations.round(refines), directory, id);
      if (bits != null) {
        return refinement.withBits(perNode("--bits-per-coordinate", bits, refinement.names()));
      }
      refinement
          .gaps()
          .forEach(
              gap -> err().println("sluice: " + gap + "; what it sends of them cannot be used"));
      if (!refinement.newcomers().isEmpty()) {
        err()
            .println(
                "sluice: nothing of "
                    + names(refinement.newcomers())
                    + " is in the refined round, so that there is no error of theirs to divide bits"
                    + " by: they get none. --bits-per-coordinate lets them begin");
      }
      return refinement.byWaterFilling(total);
    }
    refuse("a plan without --refines", "--total-bits-per-coordinate", total);
    require("--nodes", nodes);
    require("--probes", probes);
    require("--vocab", vocabulary);
    require("--bits-per-coordinate", bits);
    List<String> names = names();
    PlanDraft draft = new PlanDraft(id, probes, vocabulary);
    Map<String, Double> each = perNode("--bits-per-coordinate", bits, names);
    names.forEach(name -> draft.withNode(name, each.get(name))); // a name said twice is refused
    return overridden(new SuccessorPlan.Drafted(draft, names));
  }

  private PlanDraft relative(Optional<PublicReference> copied) throws IOException {
    List<String> names = names();
    PlanDraft draft =
        new PlanDraft(id, probes, vocabulary)
            .withReference(
                new ReferencePlan(
                    copied.map(PublicReference::sha256).orElse(null),
                    copied.map(reference -> reference.own(names)).orElse(null),
                    kappa == null ? 1 : kappa))
            .withClip(new ClipPolicy("none", null, null));
    perNode("--bits-per-probe", bitsPerProbe, names)
        .forEach((name, each) -> draft.withNode(name, each / Math.max(2, vocabulary)));
    return overridden(new SuccessorPlan.Drafted(draft, names));
  }

  /** What the command line says of a plan besides its bits. */
  private PlanDraft overridden(SuccessorPlan.Drafted drafted) throws IOException {
    PlanDraft draft = drafted.draft();
    if (probes != null) {
      draft.withProbes(probes);
    }
    if (seed != null) {
      draft.withSeed(seed);
    }
    if (quantizer != null) {
      draft.withQuantizer(quantizer);
    }
    if (clip != null) {
      draft.withClip(clipPolicy(drafted.names()));
    }
    Average averaged = average();
    if (averaged != null) {
      draft.withAverage(averaged);
    }
    if (from != null && (clip != null || quantizer != null || averaged != null)) {
      draft.withSplit(null);
      err()
          .println(
              "sluice: the allocation's weights and prediction are of another clip, quantizer or"
                  + " average: the plan has its bits, and does not repeat them");
    }
    if (probeSet != null) {
      draft.withProbeSet(FileDigest.of(probeSet));
    }
    if (tokenizer != null) {
      draft.withTokenizer(FileDigest.of(tokenizer));
    }
    return draft;
  }

  /** Null where it is the mean. */
  private Average average() {
    boolean trims = PlannedRound.TRIMMED_MEAN.equals(average);
    if (!trims && average != null && !average.equals("mean")) {
      throw usage("--average: found '" + average + "', expected mean or trimmed-mean");
    }
    if (trims && trim == null) {
      throw usage("--average trimmed-mean needs --trim, the nodes left out at either end");
    }
    if (!trims && trim != null) {
      throw usage("--trim has no meaning without --average trimmed-mean");
    }
    return trims ? new Average(PlannedRound.TRIMMED_MEAN, trim) : null;
  }

  private void require(String option, Object value) {
    if (value == null) {
      throw usage(option + " is missing (or --from with --allocation, or --refines)");
    }
  }

  /** Options that cannot be meant beside another: names and values by turns. */
  private void refuse(String beside, Object... options) {
    for (int i = 0; i < options.length; i += 2) {
      if (options[i + 1] != null) {
        throw usage(options[i] + " has no meaning with " + beside);
      }
    }
  }

  /** {@code B[,N=B..]}: a common value, then exceptions by node. */
  private Map<String, Double> perNode(String option, String text, List<String> names) {
    Map<String, Double> exceptions = new HashMap<>();
    OptionalDouble common = OptionalDouble.empty();
    for (String part : text.split(",", -1)) {
      int equals = part.indexOf('=');
      double value = number(option, part.substring(equals + 1));
      if (equals >= 0) {
        if (exceptions.put(part.substring(0, equals).strip(), value) != null) {
          throw usage(option + " names a node twice: '" + part + "'");
        }
      } else if (common.isPresent()) {
        throw usage(option + " has two common values: '" + text + "'");
      } else {
        common = OptionalDouble.of(value);
      }
    }
    Set<String> known = new HashSet<>(names);
    for (String name : exceptions.keySet()) {
      if (!known.contains(name)) {
        throw usage(option + " names '" + name + "', which is no node of the plan");
      }
    }
    Map<String, Double> values = new LinkedHashMap<>();
    for (String name : names) {
      Double own = exceptions.get(name);
      if (own == null && common.isEmpty()) {
        throw usage(option + " says nothing about node '" + name + "'");
      }
      values.put(name, own == null ? common.getAsDouble() : own);
    }
    return values;
  }

  private List<String> names() throws IOException {
    List<String> names = new ArrayList<>();
    if (nodes.startsWith("@")) {
      String file = Locations.existing(nodes.substring(1)).resourceId().toString();
      String text = new String(Storage.read(file, PlainJson.MAX_BYTES), StandardCharsets.UTF_8);
      text.lines().map(String::strip).filter(line -> !line.isEmpty()).forEach(names::add);
    } else {
      for (String name : nodes.split(",", -1)) {
        names.add(name.strip());
      }
    }
    Set<String> known = new HashSet<>();
    for (String name : names) {
      if (!known.add(name)) {
        throw wrongNodes(
            "found " + Texts.printable(name) + ", a second time, expected unique names");
      }
    }
    return names;
  }

  /** Names come from the command line or from the file that it names. */
  private BadInputException wrongNodes(String detail) {
    if (nodes.startsWith("@")) {
      return new BadInputException(nodes.substring(1) + ": " + detail);
    }
    throw usage("--nodes: " + detail);
  }

  private ClipPolicy clipPolicy(List<String> names) {
    if (clip.equals("auto") || clip.equals("probe")) {
      return new ClipPolicy(clip, null, null);
    }
    return PlanDraft.fixedClips(List.copyOf(perNode("--clip", clip, names).values()));
  }

  private double number(String option, String text) {
    try {
      double value = Double.parseDouble(text.strip());
      if (Double.isFinite(value)) {
        return value;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw usage(option + ": found '" + text + "', expected a number");
  }
}
