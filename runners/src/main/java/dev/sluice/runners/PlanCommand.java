package dev.sluice.runners;

import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
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
      required = true,
      paramLabel = "N0,N1,..",
      description =
          "The sites' names, in the order in which every list of nodes is written; or @FILE, one"
              + " name a line.")
  private String nodes;

  @Option(
      names = "--probes",
      required = true,
      paramLabel = "M",
      description = "Number of public probe contexts: rows of every site's logits.")
  private long probes;

  @Option(
      names = "--vocab",
      required = true,
      paramLabel = "V",
      description = "Logits per probe, 2 to 1048576: columns of every site's logits.")
  private int vocabulary;

  @Option(
      names = "--bits-per-coordinate",
      required = true,
      paramLabel = "B[,N=B..]",
      description =
          "Bits per logit, 1 to 16, fractions welcome, or 0 for a node that is silent this round;"
              + " then exceptions by node, as in 4,n0=8,n3=2.5. A probe costs floor(B*V) bits at"
              + " most; one bit more quarters a node's error variance.")
  private String bits;

  @Option(
      names = "--clip",
      paramLabel = "auto|probe|L",
      defaultValue = "auto",
      description =
          "How far from its probe's midrange a logit may lie, in logits; beyond, it is moved there."
              + " auto: as far as the node's own data reach, nothing is clipped. probe: the same"
              + " for each probe, for 16 of its bits. A number: that far, for every node; the"
              + " certificate is then known beforehand. Default: ${DEFAULT-VALUE}.")
  private String clip;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "0",
      description =
          "Seed of the run, 64 bits; with the id it keys the dither. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--quantizer",
      paramLabel = "dither|dither-paper|midrise",
      defaultValue = "dither",
      description =
          "dither: within the budget, errors uniform and independent. dither-paper: 2^b+1 levels,"
              + " above the budget: log2(ceil(2^b)+1) bits per coordinate. midrise: no dither, so only the worst case is"
              + " certified. Default: ${DEFAULT-VALUE}.")
  private String quantizer;

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
      names = "--force",
      description =
          "Replace a different plan. Uplinks encoded under it become rejects (wrong-plan) until the"
              + " sites encode again.")
  private boolean force;

  @Override
  public Integer call() throws IOException {
    RoundDirectory directory = Locations.round(round);
    PlannedRound planned = draft().finish("plan");
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
    Storage.replace(directory.plan(), json);
    out().print(Reports.plan(planned));
    out().println("written to " + directory.plan());
    if (replaced) {
      err().println("sluice: replaced a different plan; uplinks encoded under it are rejects now");
    }
    return ExitCodes.OK;
  }

  private PlanDraft draft() throws IOException {
    List<String> names = names();
    PlanDraft draft =
        new PlanDraft(id, probes, vocabulary)
            .withSeed(seed)
            .withQuantizer(quantizer)
            .withClip(clipPolicy())
            .withDigests(
                probeSet == null ? null : FileDigest.of(probeSet),
                tokenizer == null ? null : FileDigest.of(tokenizer));
    Map<String, Double> exceptions = new HashMap<>();
    OptionalDouble common = OptionalDouble.empty();
    for (String part : bits.split(",", -1)) {
      int equals = part.indexOf('=');
      double value = number("--bits-per-coordinate", part.substring(equals + 1));
      if (equals >= 0) {
        if (exceptions.put(part.substring(0, equals).strip(), value) != null) {
          throw usage("--bits-per-coordinate names a node twice: '" + part + "'");
        }
      } else if (common.isPresent()) {
        throw usage("--bits-per-coordinate has two common values: '" + bits + "'");
      } else {
        common = OptionalDouble.of(value);
      }
    }
    Set<String> known = new HashSet<>(names);
    for (String name : exceptions.keySet()) {
      if (!known.contains(name)) {
        throw usage("--bits-per-coordinate names '" + name + "', which is not among --nodes");
      }
    }
    for (String name : names) {
      Double own = exceptions.get(name);
      if (own == null && common.isEmpty()) {
        throw usage("--bits-per-coordinate says nothing about node '" + name + "'");
      }
      draft.withNode(name, own == null ? common.getAsDouble() : own);
    }
    return draft;
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
    return names;
  }

  private ClipPolicy clipPolicy() {
    return clip.equals("auto") || clip.equals("probe")
        ? new ClipPolicy(clip, null, null)
        : new ClipPolicy("fixed", number("--clip", clip), null);
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
